//! Whether the machine is in order, asked after something failed: is the footage there to be read, and does FFmpeg
//! decode what is known to be sound?

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use camcount_domain::FrameSize;
use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::{
    DecodeError, Ffmpeg, process,
    source::{Place, redact},
};

/// One gray picture as H.264, small but no smaller than what hardware decoders take, by
/// `ffmpeg -f lavfi -i color=gray:s=256x144:r=1 -frames:v 1 -c:v libx264 -profile:v baseline
/// -bsf:v filter_units=remove_types=6 -f h264 - | base64`.
const PICTURE: &str = "data:video/h264;base64,\
    AAAAAWdCwAvZAQE7ARAAAAMAEAAAAwAg8UKkgAAAAAFoy4PLIAAAAWWIhAV8mKAAIFsnJycnJycnJycnJycnJyddddddddddddddddddddd\
    dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddeA";

const SIZE: FrameSize = FrameSize { width: 256, height: 144 };

/// What it is called in messages.
const PICTURE_NAME: &str = "a made-up picture";

impl Ffmpeg {
    /// Whether `source` can be read at both its ends. What its bytes are worth is not looked at. Of a URL nothing is
    /// known but what FFmpeg says when it reads it.
    ///
    /// # Errors
    /// [`DecodeError::BrokeOff`] when it cannot, or its disk or network does not answer.
    pub fn reads(&self, source: &str) -> Result<(), DecodeError> {
        let Place::File(path) = Place::of(source) else { return Ok(()) };
        let broke_off = |detail| DecodeError::BrokeOff { source_name: redact(source), detail };
        let (send, receive) = bounded(1);
        let file = path.to_owned();
        // On a thread of its own, for a share that is away may hold up its reader for ever.
        process::spawn("footage-ends", move || {
            // Nobody listens any more when it took too long.
            let _ = send.send(read_ends(&file));
        })?;
        let stall = self.options.stall;
        let read = receive.recv_timeout(stall).map_err(|error| match error {
            RecvTimeoutError::Timeout => broke_off(format!("nothing came for {} s", stall.as_secs_f64())),
            RecvTimeoutError::Disconnected => broke_off("its reader panicked".to_owned()),
        })?;
        read.map_err(|error| broke_off(error.to_string()))
    }

    /// Whether FFmpeg, told to decode as footage is decoded, decodes a picture that is known to be sound.
    ///
    /// # Errors
    /// What it fails with.
    pub fn decodes(&self) -> Result<(), DecodeError> {
        let mut command = self.command();
        self.decode_with(&mut command);
        command.format("h264").input(PICTURE).pix_fmt("gray").format("rawvideo").output("-");
        let bytes = process::output(command, PICTURE_NAME, self.options.stall)
            .map_err(|error| self.blame_hwaccel(error))?;
        let wanted = SIZE.width as usize * SIZE.height as usize;
        if bytes.len() != wanted {
            let detail = format!("{} bytes came instead of {wanted}", bytes.len());
            let status = "no whole picture".to_owned();
            return Err(DecodeError::Broken { source_name: PICTURE_NAME.to_owned(), status, detail });
        }
        Ok(())
    }
}

/// Reads the first byte and the last, where there are any.
fn read_ends(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    io::copy(&mut (&file).take(1), &mut io::sink())?;
    if file.seek(SeekFrom::End(-1)).is_ok() {
        io::copy(&mut (&file).take(1), &mut io::sink())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, time::Duration};

    use super::*;
    use crate::{HwAccel, Options};

    #[test]
    fn footage_is_read_at_both_ends_whatever_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(path("words.mp4"), "these are the words of no camera").unwrap();
        std::fs::write(path("empty.mp4"), "").unwrap();
        std::fs::create_dir(path("folder.mp4")).unwrap();
        let ffmpeg = Ffmpeg::default();
        for there in [path("words.mp4"), path("empty.mp4"), "rtsp://nobody/1".to_owned()] {
            ffmpeg.reads(&there).unwrap();
        }
        for away in ["missing.mp4", "folder.mp4", "words.mp4/x.mp4"] {
            let error = ffmpeg.reads(&path(away)).unwrap_err();
            assert!(matches!(error, DecodeError::BrokeOff { .. }), "{error:?}");
            assert!(error.to_string().contains(away), "{error}");
        }
    }

    /// A pipe that nobody writes to is like a share that does not answer.
    #[test]
    fn a_disk_that_does_not_answer_is_not_waited_for_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("away.mp4");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let ffmpeg = Ffmpeg::new(Options { stall: Duration::from_millis(50), ..Options::default() });
        let error = ffmpeg.reads(pipe.to_str().unwrap()).unwrap_err();
        assert!(error.to_string().contains("nothing came for 0.05 s"), "{error}");
        // Lets its reader go.
        std::fs::write(&pipe, "x").unwrap();
    }

    #[test]
    fn ffmpeg_is_in_order_where_it_decodes_a_sound_picture() {
        Ffmpeg::default().decodes().unwrap();
        let missing = Ffmpeg::new(Options { ffmpeg: "no-such-ffmpeg".into(), ..Options::default() });
        assert!(matches!(missing.decodes(), Err(DecodeError::FfmpegMissing { .. })));
        // No machine has both.
        let errors = [HwAccel::VideoToolbox, HwAccel::D3d11va]
            .map(|hwaccel| Ffmpeg::new(Options { hwaccel, ..Options::default() }).decodes());
        assert!(errors.iter().any(Result::is_err), "{errors:?}");

        let dir = tempfile::tempdir().unwrap();
        for (name, script, expected) in [
            ("silent", "exit 0", "no whole picture"),
            ("failing", "echo '[error] out of memory' >&2; exit 9", "exit code 9 (out of memory)"),
            ("killed", "kill -9 $$", "killed by signal 9"),
            ("stalling", "kill -STOP $$", "stalled on a made-up picture"),
        ] {
            let program = dir.path().join(name);
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            let stall = Duration::from_millis(if name == "stalling" { 100 } else { 30_000 });
            let sick = Ffmpeg::new(Options { ffmpeg: program, stall, ..Options::default() });
            let error = sick.decodes().unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
