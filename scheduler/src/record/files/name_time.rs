//! Media time from a file's name, as recorders write it: `gate_2026-05-01_08-00-00.mp4`,
//! `20260501T080000Z.mkv`. Such times are taken as UTC.

use camcount_domain::MediaTime;

/// The first date and time in `name`.
pub fn of_name(name: &str) -> Option<MediaTime> {
    let bytes = name.as_bytes();
    (0..bytes.len())
        .filter(|&i| i == 0 || !bytes[i - 1].is_ascii_digit())
        .find_map(|i| Scan { bytes, at: i }.date_and_time())
}

struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Scan<'_> {
    fn date_and_time(mut self) -> Option<MediaTime> {
        let (year, month, day) = (self.number(4)?, self.after_separator(2)?, self.after_separator(2)?);
        if !self.skip(b"T_- .") {
            return None;
        }
        self.skip(b"_- ");
        let (hour, minute, second) = (self.number(2)?, self.after_separator(2)?, self.after_separator(2)?);
        if self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z").parse().ok()
    }

    fn after_separator(&mut self, digits: usize) -> Option<u32> {
        self.skip(b"-_.:");
        self.number(digits)
    }

    fn skip(&mut self, any_of: &[u8]) -> bool {
        let found = self.bytes.get(self.at).is_some_and(|b| any_of.contains(b));
        self.at += usize::from(found);
        found
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        let text = std::str::from_utf8(self.bytes.get(self.at..self.at + digits)?).ok()?;
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        self.at += digits;
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_recorders_write() {
        let expected = "2026-05-01T08:09:10Z".parse().ok();
        for name in [
            "gate_2026-05-01_08-09-10.mp4",
            "Testvideo_Cars_FR20_2026-05-01_08-09-10.mp4",
            "20260501T080910Z.mkv",
            "cam3-20260501-080910.mp4",
            "2026.05.01 08.09.10.avi",
            "NVR_ch1_main_20260501080910_20260501081010.mp4",
        ] {
            let found = of_name(name);
            if name.starts_with("NVR") {
                assert_eq!(found, None, "digits run together are no date that can be trusted: {name}");
            } else {
                assert_eq!(found, expected, "{name}");
            }
        }
        for name in ["vtest_480x360.mp4", "20261301T000000.mp4", "120260501T080910.mkv", "2026-05-01.mp4"] {
            assert_eq!(of_name(name), None, "{name}");
        }
    }
}
