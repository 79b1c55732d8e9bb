#!/usr/bin/env python3
"""Counts who crosses a line, as is usual in Python: OpenCV, ONNX Runtime, supervision and trackers, one frame after the
other.

    tests/bench/python_pipeline.py MODEL FOOTAGE THREADS STRIDE

Every STRIDE-th frame of FOOTAGE is looked at by MODEL, one of YOLOX or YOLOv8, on THREADS threads; people are followed by
ByteTrack and counted at a line down the middle of the picture. Prints one line of JSON: the frames looked at, seconds from
start to the first frame and from there to the end, and the counts.
"""

import json
import sys
import time

START = time.monotonic()

import cv2
import numpy as np
import onnxruntime
import supervision as sv
from trackers import ByteTrackTracker

PERSON = 0
# As camcount has them.
SCORE_FLOOR, OVERLAP = 0.1, 0.55


class Model:
    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        image = self.session.get_inputs()[0]
        self.input, self.side = image.name, image.shape[2]
        # (1, cells, 5 + classes), or (1, 4 + classes, cells).
        self.is_yolox = self.session.get_outputs()[0].shape[-1] == 85
        if self.is_yolox:
            grids, strides = [], []
            for stride in (8, 16, 32):
                cells = np.arange(self.side // stride)
                x, y = np.meshgrid(cells, cells)
                grids.append(np.stack([x.ravel(), y.ravel()], axis=1))
                strides.append(np.full((cells.size**2, 1), stride))
            self.grid = np.concatenate(grids).astype(np.float32)
            self.stride = np.concatenate(strides).astype(np.float32)

    def __call__(self, frame):
        height, width = frame.shape[:2]
        scale = self.side / max(height, width)
        size = (round(width * scale), round(height * scale))
        left, top = (0, 0) if self.is_yolox else ((self.side - size[0]) // 2, (self.side - size[1]) // 2)
        picture = np.full((self.side, self.side, 3), 114, dtype=np.uint8)
        picture[top : top + size[1], left : left + size[0]] = cv2.resize(frame, size)
        if self.is_yolox:
            tensor = cv2.dnn.blobFromImage(picture)
        else:
            tensor = cv2.dnn.blobFromImage(picture, 1 / 255, swapRB=True)
        output = self.session.run(None, {self.input: tensor})[0][0]
        if self.is_yolox:
            scores = output[:, 5:] * output[:, 4:5]
        else:
            output = output.T
            scores = output[:, 4:]
        classes = scores.argmax(axis=1)
        confidence = scores[np.arange(len(scores)), classes]
        keep = confidence > SCORE_FLOOR
        centre, extent = output[keep, :2], output[keep, 2:4]
        if self.is_yolox:
            centre = (centre + self.grid[keep]) * self.stride[keep]
            extent = np.exp(extent) * self.stride[keep]
        boxes = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)
        boxes = (boxes - [left, top, left, top]) / scale
        detections = sv.Detections(xyxy=boxes, confidence=confidence[keep], class_id=classes[keep])
        return detections.with_nms(threshold=OVERLAP)


def main():
    model, footage, threads, stride = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    detect = Model(model, threads)
    video = sv.VideoInfo.from_video_path(footage)
    tracker = ByteTrackTracker(frame_rate=video.fps / stride)
    middle = sv.LineZone(sv.Point(video.width // 2, 0), sv.Point(video.width // 2, video.height))
    frames, first = 0, time.monotonic()
    for frame in sv.get_video_frames_generator(footage, stride=stride):
        found = detect(frame)
        people = tracker.update(found[found.class_id == PERSON])
        middle.trigger(people[people.tracker_id != -1])
        frames += 1
    seconds = time.monotonic() - first
    counts = {"in": middle.in_count, "out": middle.out_count}
    print(json.dumps({"frames": frames, "startup_s": first - START, "seconds": seconds, "counts": counts}))


if __name__ == "__main__":
    main()
