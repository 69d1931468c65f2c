//! The modules of one project, and the services that own them.

use super::dotted::{absolute, dotted};
use super::places::{HOMES, is_one_of, is_root_file, is_service_code, is_shared, same_service};
use super::sections;
use cofferdam_code::python::{Code, Module};
use cofferdam_model::link::Owners;
use cofferdam_model::{Owner, ProjectId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// All modules of one project, so that a name can be followed from one to another.
#[derive(Debug, Default)]
pub struct Project<'m> {
    pub(super) modules: Vec<&'m Module>,
    /// Every file by the last part of its dotted path, with that path.
    pub(super) by_last: BTreeMap<String, Vec<(usize, String)>>,
    pub(super) files: Vec<&'m (PathBuf, Vec<String>)>,
    /// The number of each of them.
    file_at: HashMap<&'m Path, usize>,
    /// Module of a file, if it contains something.
    pub(super) module_of: BTreeMap<&'m Path, usize>,
    /// Files that import a file.
    importers: BTreeMap<usize, Vec<usize>>,
    /// Directories that are built and deployed as one.
    roots: BTreeSet<PathBuf>,
    /// Files that an image starts: they are a service's, wherever they are.
    started: BTreeSet<PathBuf>,
}

impl<'m> Project<'m> {
    /// Divides code into its projects and indexes each by its paths. `files` are all files of the platform:
    /// some show what is built as one.
    pub fn divide<'f>(
        code: &'m Code,
        files: impl Iterator<Item = &'f Path>,
        project_of: &dyn Fn(&Path) -> ProjectId,
    ) -> BTreeMap<ProjectId, Self> {
        let mut all: BTreeMap<ProjectId, Self> = BTreeMap::new();
        for module in &code.modules {
            let project = all.entry(project_of(&module.path)).or_default();
            project
                .module_of
                .insert(module.path.as_path(), project.modules.len());
            project.modules.push(module);
        }
        for file in &code.imports {
            let project = all.entry(project_of(&file.0)).or_default();
            let name = dotted(&file.0);
            let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
            let at = project.files.len();
            project.by_last.entry(last).or_default().push((at, name));
            project.file_at.entry(&file.0).or_insert(at);
            project.files.push(file);
        }
        let files = files.filter(|path| !all.is_empty() && is_root_file(path));
        for file in files.collect::<Vec<_>>() {
            if let Some(project) = all.get_mut(&project_of(file)) {
                project.roots.extend(file.parent().map(Path::to_path_buf));
            }
        }
        all.values_mut().for_each(Self::follow_imports);
        all
    }

    /// Takes files for code of services, because images start them.
    pub fn start(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        self.started.extend(files);
    }

    fn is_service(&self, path: &Path) -> bool {
        is_service_code(path) || self.started.contains(path)
    }

    /// Records which files import which.
    fn follow_imports(&mut self) {
        for (at, (path, names)) in self.files.iter().enumerate() {
            for name in names {
                let name = absolute(path, name);
                let parts: Vec<&str> = name.split('.').filter(|p| !p.is_empty()).collect();
                if let Some(imported) = self.file(path, &parts).filter(|i| *i != at) {
                    self.importers.entry(imported).or_default().push(at);
                }
            }
        }
    }

    /// The owners of a module's facts. Code in a shared directory belongs to each service that imports it;
    /// code that nothing imports belongs to its directory.
    pub(super) fn owners(&self, module: &Module, owners: &Owners) -> Vec<Owner> {
        let own = self.owner(&module.path, owners);
        if !is_shared(&own, owners) {
            return vec![own];
        }
        let start = self.file_at.get(module.path.as_path()).copied();
        let mut pending: Vec<usize> = start.into_iter().collect();
        let mut seen: BTreeSet<usize> = pending.iter().copied().collect();
        let mut found: Vec<Owner> = Vec::new();
        while let Some(at) = pending.pop() {
            for importer in self.importers.get(&at).into_iter().flatten() {
                if !seen.insert(*importer) {
                    continue;
                }
                let path = &self.files[*importer].0;
                if !self.is_service(path) {
                    continue;
                }
                let owner = self.owner(path, owners);
                if is_shared(&owner, owners) {
                    pending.push(*importer);
                } else if !found.iter().any(|f| same_service(f, &owner, owners)) {
                    found.push(owner);
                }
            }
        }
        if found.is_empty() {
            return vec![own];
        }
        found.sort_by(|a, b| a.directory.cmp(&b.directory));
        found
    }

    /// The owner of a file by its place: its own directory if that identifies a service, otherwise the
    /// directory that is built as one, otherwise the outermost one with its own name.
    pub(super) fn owner(&self, path: &Path, owners: &Owners) -> Owner {
        let directory = path.parent().unwrap_or(Path::new(""));
        let owner = Owner::in_directory(directory);
        if owners.find(&owner).is_some() {
            return owner;
        }
        if let Some(root) = directory.ancestors().find(|d| self.roots.contains(*d)) {
            return Owner::in_directory(root);
        }
        let top = owners.root();
        let inside = directory.strip_prefix(top).unwrap_or(directory);
        let outer = inside.iter().take_while(|p| is_one_of(p, HOMES)).count();
        let outermost: PathBuf = inside.iter().take(outer + 1).collect();
        Owner::in_directory(top.join(outermost))
    }

    /// Names of environments that are sections in the code (`"staging": {…}`).
    pub fn environments(&self) -> BTreeSet<String> {
        self.services()
            .flat_map(|module| sections::labels(&module.settings))
            .map(str::to_owned)
            .collect()
    }

    /// Paths of the modules that contain facts about the platform.
    pub fn telling(&self) -> impl Iterator<Item = &'m Path> {
        let tells =
            |m: &&Module| !(m.calls.is_empty() && m.env_reads.is_empty() && m.settings.items.is_empty());
        self.services().filter(tells).map(|m| m.path.as_path())
    }

    /// The modules that run as part of a service.
    pub(super) fn services(&self) -> impl Iterator<Item = &'m Module> {
        self.modules
            .iter()
            .copied()
            .filter(|m| !m.is_test && self.is_service(&m.path))
    }
}
