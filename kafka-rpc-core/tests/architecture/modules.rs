//! Reads the crate's modules, and resolves the paths in them to the modules that define their items.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree};

/// A path from the crate's root.
pub(crate) type Names = Vec<String>;

/// One module: a file, or a block within one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The file that it stands in, from the source folder on.
    pub(crate) file: String,
    children: BTreeSet<String>,
    items: BTreeSet<String>,
    /// What it imports, by the name that it has here.
    imports: BTreeMap<String, Names>,
    globs: Vec<Names>,
    /// Every path in its code, as far as it begins at the crate's root.
    paths: BTreeSet<Names>,
}

/// All modules of a crate but those that only tests have.
#[derive(Debug, Default)]
pub(crate) struct Modules(BTreeMap<Names, Module>);

impl Modules {
    /// Reads a crate.
    ///
    /// # Panics
    /// If a file can't be read, or isn't Rust.
    pub(crate) fn read(source: &Path) -> Self {
        let mut modules = Self::default();
        let root = source.join("lib.rs");
        modules.file(source, &root, Names::new());
        assert!(modules.0.len() > 50, "the modules were found");
        modules
    }

    /// The crate of these files, each with its text; for tests of this.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a crate");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("it is made");
            fs::write(path, text).expect("it is written");
        }
        let mut modules = Self::default();
        modules.file(folder.path(), &folder.path().join("lib.rs"), Names::new());
        modules
    }

    fn file(&mut self, source: &Path, path: &Path, names: Names) {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = path.strip_prefix(source).expect("it lies in the source");
        let file = file.to_string_lossy().into_owned();
        self.module(source, path, &file, names, &parsed.items);
    }

    fn module(&mut self, source: &Path, path: &Path, file: &str, names: Names, items: &[Item]) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        let mut children = Vec::new();
        for item in items {
            if only_for_tests(attributes(item)) {
                continue;
            }
            match item {
                Item::Mod(child) => {
                    module.children.insert(child.ident.to_string());
                    children.push(child);
                }
                Item::Use(import) => module.import(&names, Names::new(), &import.tree),
                other => {
                    module.items.extend(name(other));
                    Paths(&names, &mut module.paths).visit_item(other);
                }
            }
        }
        self.0.insert(names.clone(), module);
        for child in children {
            self.child(source, path, file, &names, child);
        }
    }

    fn child(&mut self, source: &Path, path: &Path, file: &str, names: &[String], child: &ItemMod) {
        let name = child.ident.to_string();
        let names = [names, std::slice::from_ref(&name)].concat();
        match &child.content {
            Some((_, items)) => self.module(source, path, file, names, items),
            None => {
                let folder: PathBuf = names[..names.len() - 1].iter().collect();
                let folder = source.join(folder);
                let alone = folder.join(format!("{name}.rs"));
                let path = if alone.exists() {
                    alone
                } else {
                    folder.join(&name).join("mod.rs")
                };
                self.file(source, &path, names);
            }
        }
    }

    /// The module that defines the item that a path leads to; `None` if it leads out of the crate.
    pub(crate) fn defining(&self, path: &[String]) -> Option<&Names> {
        self.resolve(path, 0)
    }

    fn resolve(&self, path: &[String], depth: usize) -> Option<&Names> {
        assert!(depth < 32, "imports go round: {path:?}");
        let mut at = Names::new();
        for (index, name) in path.iter().enumerate() {
            let module = self.0.get(&at)?;
            if module.children.contains(name) {
                at.push(name.clone());
                continue;
            }
            if module.items.contains(name) {
                break;
            }
            let rest = &path[index + 1..];
            if let Some(import) = module.imports.get(name) {
                return self.resolve(&[import, rest].concat(), depth + 1);
            }
            let found = module.globs.iter().find_map(|glob| {
                let through = [glob, &path[index..]].concat();
                self.resolve(&through, depth + 1)
                    .filter(|found| *found != glob || self.0[glob].items.contains(name))
            });
            return found;
        }
        self.0.get_key_value(&at).map(|(names, _)| names)
    }

    /// Every arrow: a module, and another one that defines something that it names.
    pub(crate) fn arrows(&self) -> BTreeSet<(&Names, &Names)> {
        let mut arrows = BTreeSet::new();
        for (from, module) in &self.0 {
            let imports = module.imports.values().chain(&module.globs);
            for path in imports.chain(&module.paths) {
                if let Some(to) = self.defining(path) {
                    arrows.insert((from, to));
                }
            }
        }
        arrows
    }

    /// The file of a module.
    ///
    /// # Panics
    /// If there is no such module.
    pub(crate) fn file_of(&self, names: &[String]) -> &str {
        &self.0[names].file
    }
}

impl Module {
    fn import(&mut self, here: &[String], mut prefix: Names, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(here, prefix, &path.tree);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(here, prefix.clone(), tree);
                }
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                let known_as = if name == "self" {
                    prefix.last().cloned().unwrap_or_default()
                } else {
                    prefix.push(name.clone());
                    name
                };
                self.imports
                    .extend(absolute(here, &prefix, &self.children).map(|path| (known_as, path)));
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    prefix.push(rename.ident.to_string());
                }
                let known_as = rename.rename.to_string();
                self.imports
                    .extend(absolute(here, &prefix, &self.children).map(|path| (known_as, path)));
            }
            UseTree::Glob(_) => self.globs.extend(absolute(here, &prefix, &self.children)),
        }
    }
}

/// The path from the crate's root; `None` if it begins at another crate.
fn absolute(here: &[String], path: &[String], children: &BTreeSet<String>) -> Option<Names> {
    let first = path.first()?;
    let mut at: Names = match first.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" | "super" => here.to_vec(),
        child if children.contains(child) => return Some([here, path].concat()),
        _ => return None,
    };
    let mut rest = path;
    while let Some((name, after)) = rest.split_first() {
        match name.as_str() {
            "self" => {}
            "super" => drop(at.pop()),
            _ => break,
        }
        rest = after;
    }
    at.extend_from_slice(rest);
    Some(at)
}

/// Collects the paths in an item that begin at the crate's root.
struct Paths<'a>(&'a [String], &'a mut BTreeSet<Names>);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.1.extend(absolute(self.0, &names, &BTreeSet::new()));
        }
        visit::visit_path(self, path);
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {
        // What may see an item isn't what the item needs.
    }
}

/// Whether an item is there in test builds only.
fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    match item {
        Item::Const(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        Item::Fn(item) => Some(item.sig.ident.to_string()),
        Item::Static(item) => Some(item.ident.to_string()),
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Trait(item) => Some(item.ident.to_string()),
        Item::Type(item) => Some(item.ident.to_string()),
        Item::Union(item) => Some(item.ident.to_string()),
        Item::Macro(item) => item.ident.as_ref().map(ToString::to_string),
        _ => None,
    }
}
