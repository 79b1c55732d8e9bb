//! Class names, and which classes one object may be taken for at once.

/// The classes of COCO in the order of its 80-class models (Lin et al. 2014, arXiv:1405.0312).
const COCO: &str = "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,\
    stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,\
    handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,\
    surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,\
    carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,\
    keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,\
    hair drier,toothbrush";

/// Names for a model that gives none: COCO's, if it has as many classes.
pub(crate) fn default_names(count: usize) -> Option<Vec<String>> {
    let names: Vec<_> = COCO.split(',').map(str::to_owned).collect();
    (names.len() == count).then_some(names)
}

/// Reads `{0: 'person', 1: "driver's cab"}`, the same with quoted numbers, or `["person", "car"]`.
pub(crate) fn parse_names(text: &str) -> Option<Vec<String>> {
    let mut names: Vec<(u32, String)> = Vec::new();
    let mut chars = text.chars();
    let mut number = String::new();
    while let Some(c) = chars.next() {
        match c {
            '0'..='9' => number.push(c),
            // What stands before a colon was no name but a key.
            ':' if number.is_empty() => number = names.pop()?.1,
            '\'' | '"' => {
                let mut name = String::new();
                loop {
                    match chars.next()? {
                        '\\' => name.push(chars.next()?),
                        end if end == c => break,
                        other => name.push(other),
                    }
                }
                let index = number.parse().unwrap_or(names.len() as u32);
                number.clear();
                names.push((index, name));
            }
            _ => {}
        }
    }
    names.sort_by_key(|(index, _)| *index);
    let dense = names.iter().enumerate().all(|(at, (index, _))| *index as usize == at);
    (dense && !names.is_empty()).then(|| names.into_iter().map(|(_, name)| name).collect())
}

/// Classes that detectors confuse with one another for one and the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Everything on four wheels or more. A delivery van is a car to one cell and a truck to the next.
    Wagons,
    /// Everything on two wheels.
    Cycles,
    /// A class of its own: people, above all, who overlap the cycles they ride.
    Alone,
}

impl Family {
    pub(crate) fn of(class: &str) -> Self {
        match class.trim().to_ascii_lowercase().as_str() {
            "car" | "truck" | "bus" | "van" | "train" | "lorry" | "pickup" | "minibus" | "vehicle"
            | "trailer" => Self::Wagons,
            "bicycle" | "bike" | "motorcycle" | "motorbike" | "scooter" | "moped" => Self::Cycles,
            _ => Self::Alone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_exporters_write_them() {
        let names = |text| parse_names(text).map(|names| names.join("|"));
        assert_eq!(names("{0: 'person', 1: 'car'}").as_deref(), Some("person|car"));
        assert_eq!(names(r#"{"1": "car", "0": "driver's cab"}"#).as_deref(), Some("driver's cab|car"));
        assert_eq!(names(r#"{1: "car", 0: "driver's cab"}"#).as_deref(), Some("driver's cab|car"));
        assert_eq!(names(r#"["person", "car"]"#).as_deref(), Some("person|car"));
        assert_eq!(names("{0: 'person', 2: 'car'}"), None);
        assert_eq!(names("{0: 'person"), None);
        assert_eq!(names(""), None);
    }

    #[test]
    fn coco_has_its_names() {
        let names = default_names(80).unwrap();
        assert_eq!((names[0].as_str(), names[2].as_str(), names[7].as_str()), ("person", "car", "truck"));
        assert_eq!(names[79], "toothbrush");
        assert_eq!(default_names(81), None);
    }
}
