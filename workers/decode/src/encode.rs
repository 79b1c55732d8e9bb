//! Videos written: frames in, H.264 in MP4 out.

use std::{
    io::Write,
    path::Path,
    process::{ChildStdin, Stdio},
};

use camcount_domain::{FrameSize, MediaTime, Rate};

use crate::{
    DecodeError, Ffmpeg,
    process::{self, Process},
    written::Unfinished,
};

/// A video being written. The file appears when it is finished; dropping the writer before leaves nothing.
#[derive(Debug)]
pub struct VideoWriter {
    stdin: Option<ChildStdin>,
    process: Process,
    file: Unfinished,
    place: std::path::PathBuf,
    frame_bytes: usize,
}

impl VideoWriter {
    /// Starts a video at `path` with `fps` pictures of `size` a second, made at `created`, if given, which MP4
    /// keeps in whole seconds. Odd sizes get a black row or column, since H.264 with 4:2:0 colour has even ones only.
    ///
    /// # Errors
    /// When FFmpeg cannot be started.
    pub fn create(
        ffmpeg: &Ffmpeg,
        path: &Path,
        size: FrameSize,
        fps: Rate,
        created: Option<MediaTime>,
    ) -> Result<Self, DecodeError> {
        let file = Unfinished::at(path);
        let mut command = ffmpeg.command();
        command.format("rawvideo").pix_fmt("rgb24").size(size.width, size.height);
        command.args(["-framerate", &format!("{}/1000", fps.millihertz)]).input("pipe:0");
        command.args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]).codec_video("libx264").pix_fmt("yuv420p");
        // Closed groups of two seconds, so that any player seeks well. 20 is a little better than x264's own 23.
        let group = (2 * fps.millihertz).div_ceil(1000).to_string();
        command.preset("veryfast").crf(20).args(["-flags", "+cgop", "-g", &group]);
        if let Some(created) = created {
            command.args(["-metadata", &format!("creation_time={created}")]);
        }
        let mut name = std::ffi::OsString::from("file:");
        name.push(file.path());
        command.args(["-movflags", "+faststart", "-f", "mp4", "-y"]).arg(name);
        let source = path.display().to_string();
        let mut process = process::start(command, &source, Stdio::piped(), |log, _| log.live())?;
        let frame_bytes = size.width as usize * size.height as usize * 3;
        Ok(Self { stdin: process.stdin(), process, file, place: path.to_owned(), frame_bytes })
    }

    /// Appends one picture: rows from top to bottom, three bytes a pixel, red, green, blue.
    ///
    /// # Errors
    /// When the picture has another size, or FFmpeg has ended; [`VideoWriter::finish`] then says why.
    pub fn write(&mut self, rgb: &[u8]) -> Result<(), DecodeError> {
        if rgb.len() != self.frame_bytes {
            return Err(DecodeError::FrameSize {
                path: self.place.clone(),
                wanted: self.frame_bytes,
                got: rgb.len(),
            });
        }
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        stdin.write_all(rgb).map_err(|error| DecodeError::write(&self.place, error))
    }

    /// Ends the video and puts it in its place. Returns its size in bytes.
    ///
    /// # Errors
    /// When FFmpeg failed, or the disk is full.
    pub fn finish(mut self) -> Result<u64, DecodeError> {
        drop(self.stdin.take());
        let Self { process, file, .. } = self;
        process.finish().map_err(|error| file.blame_disk(error))?;
        file.publish()
    }
}
