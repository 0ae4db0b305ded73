//! Finds files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::modules::Modules;

/// Circles of files that leave their folder, or have more than two files.
pub(crate) fn too_large(modules: &Modules) -> Vec<String> {
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in modules.arrows() {
        let (from, to) = (modules.file_of(from), modules.file_of(to));
        if from != to {
            arrows.entry(from).or_default().insert(to);
        }
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows
        .keys()
        .map(|from| (*from, reachable(&arrows, from)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, others) in &reached {
        let circle: Vec<&str> = others
            .iter()
            .filter(|other| reached.get(**other).is_some_and(|back| back.contains(file)))
            .copied()
            .collect();
        let folders: BTreeSet<_> = circle.iter().map(|file| Path::new(file).parent()).collect();
        if circle.len() > 2 || folders.len() > 1 {
            circles.insert(circle.join(", "));
        }
    }
    circles.into_iter().collect()
}

fn reachable<'a>(arrows: &BTreeMap<&str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(file) = waiting.pop() {
        for next in arrows.get(file).into_iter().flatten() {
            if reached.insert(*next) {
                waiting.push(next);
            }
        }
    }
    reached
}
