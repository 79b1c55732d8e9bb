DROP TABLE stream_quality;
DELETE FROM camera_events WHERE detector = '';
ALTER TABLE camera_events ADD CONSTRAINT camera_events_detector_fkey FOREIGN KEY (detector) REFERENCES detectors (version);
CREATE INDEX camera_events_of_detector ON camera_events (detector);
