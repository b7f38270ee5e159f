//! Following descriptors and names through the calls.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use super::calls::Call;
use super::{FileId, Folder, Op, Recording, apply_entries};

/// What a descriptor is open on.
#[derive(Clone, Copy)]
enum Open {
    Folder,
    /// A file, and where `write` goes on in it.
    File(FileId, usize),
}

/// Turns calls into operations.
pub struct Recorder {
    folder: PathBuf,
    names: BTreeMap<String, FileId>,
    files: Vec<Vec<u8>>,
    open: HashMap<i64, Open>,
    /// How many steps there were before the call of that number ended.
    steps_before: Vec<usize>,
    pub recording: Recording,
}

impl Recorder {
    pub fn new(folder: &Path, before: Folder) -> Self {
        let names: Vec<_> = before.keys().cloned().collect();
        let names: BTreeMap<_, _> = names.into_iter().zip(0..).collect();
        let files: Vec<_> = before.into_values().collect();
        Self {
            folder: folder.to_owned(),
            names: names.clone(),
            files: files.clone(),
            open: HashMap::new(),
            steps_before: Vec::new(),
            recording: Recording {
                names,
                files,
                ops: Vec::new(),
            },
        }
    }

    pub fn take(&mut self, call: &Call<'_>) {
        self.steps_before.push(self.recording.ops.len());
        match call.name {
            "exit_group" => {
                let code = call.number(0);
                return self.recording.ops.push(Op::Exit(code.try_into().unwrap()));
            }
            _ if call.result < 0 => return,
            "open" | "openat" | "creat" => return self.opened(call),
            "rename" | "renameat" | "renameat2" => return self.renamed(call),
            "link" | "linkat" => return self.linked(call),
            "unlink" | "unlinkat" => return self.unlinked(call),
            "sync" => panic!("`sync` is not modelled"),
            _ => {}
        }
        if let Some(path) = call.paths().iter().find_map(|path| self.name_of(path)) {
            panic!("`{}` is not modelled, on {path}", call.name);
        }
        self.on_descriptor(call);
    }

    fn on_descriptor(&mut self, call: &Call<'_>) {
        let fd = call.descriptor();
        if call.name == "copy_file_range" {
            return self.copied(call);
        }
        let Some(open) = self.open.get(&fd).copied() else {
            if call.name == "write" && fd == 1 {
                let said = String::from_utf8_lossy(&call.bytes(1)).into_owned();
                self.recording.ops.push(Op::Said(said));
            }
            let other = call.args.get(1).and_then(|arg| arg.parse().ok());
            assert!(
                !matches!(call.name, "sendfile" | "splice" | "dup2" | "dup3")
                    || other.is_none_or(|other: i64| !self.open.contains_key(&other)),
                "`{}` is not modelled",
                call.name
            );
            return;
        };
        match (call.name, open) {
            ("close", _) => drop(self.open.remove(&fd)),
            ("dup" | "dup2" | "dup3", _) => drop(self.open.insert(call.result, open)),
            ("fcntl", _) if call.args[1].starts_with("F_DUPFD") => {
                self.open.insert(call.result, open);
            }
            ("fcntl", _) => {}
            ("mmap", _) if !call.says("MAP_SHARED") || !call.says("PROT_WRITE") => {}
            ("fsync" | "fdatasync", _) => self.synced(call, open),
            ("ftruncate", Open::File(file, _)) => {
                let len = call.number(1).try_into().unwrap();
                self.change(Op::SetLen { file, len });
            }
            ("pwrite64", Open::File(file, _)) => {
                let offset = call.number(3).try_into().unwrap();
                self.write(call, file, offset);
            }
            ("write", Open::File(file, offset)) => {
                self.write(call, file, offset);
                self.open.insert(fd, Open::File(file, offset + call.len()));
            }
            (name, _) => panic!("`{name}` is not modelled"),
        }
    }

    fn opened(&mut self, call: &Call<'_>) {
        self.open.remove(&call.result);
        let path = &call.paths()[0];
        if self.folder == self.resolved(path) {
            self.open.insert(call.result, Open::Folder);
        }
        let Some(name) = self.name_of(path) else {
            return;
        };
        let file = match self.names.get(&name) {
            Some(file) => *file,
            None => {
                assert!(call.says("O_CREAT"), "{name} is in nobody's books");
                self.files.push(Vec::new());
                self.recording.files.push(Vec::new());
                let file = self.files.len() - 1;
                self.rename([(name, Some(file))]);
                file
            }
        };
        assert!(!call.says("O_APPEND"), "O_APPEND is not modelled");
        if call.says("O_TRUNC") && !self.files[file].is_empty() {
            self.change(Op::SetLen { file, len: 0 });
        }
        self.open.insert(call.result, Open::File(file, 0));
    }

    fn renamed(&mut self, call: &Call<'_>) {
        let (from, to) = self.two_names(call);
        let Some(file) = self.names.get(&from).copied() else {
            panic!("{from} is renamed, but in nobody's books");
        };
        self.rename([(from, None), (to, Some(file))]);
    }

    fn linked(&mut self, call: &Call<'_>) {
        let (from, to) = self.two_names(call);
        let file = self.names[&from];
        self.rename([(to, Some(file))]);
    }

    fn unlinked(&mut self, call: &Call<'_>) {
        if let Some(name) = self.name_of(&call.paths()[0]) {
            self.rename([(name, None)]);
        }
    }

    fn two_names(&self, call: &Call<'_>) -> (String, String) {
        let paths = call.paths();
        let name = |at: usize| self.name_of(&paths[at]).expect("a name in the folder");
        (name(0), name(1))
    }

    fn rename<const N: usize>(&mut self, entries: [(String, Option<FileId>); N]) {
        apply_entries(&mut self.names, &entries);
        self.recording.ops.push(Op::Entries(entries.into()));
    }

    fn write(&mut self, call: &Call<'_>, file: FileId, offset: usize) {
        let mut data = call.bytes(1);
        data.truncate(call.len());
        self.change(Op::Write { file, offset, data });
    }

    /// The position of a descriptor is not that of its copies, nor is reading seen. Where that
    /// matters, the folder does not come out as the program left it.
    fn copied(&mut self, call: &Call<'_>) {
        let (source, target) = (call.number(0), call.number(2));
        let Some(Open::File(file, offset)) = self.open.get(&target).copied() else {
            return;
        };
        let Some(Open::File(from, at)) = self.open.get(&source).copied() else {
            panic!("copying from elsewhere is not modelled");
        };
        let positions = (call.args[1], call.args[3]);
        assert_eq!(
            positions,
            ("NULL", "NULL"),
            "other positions are not modelled"
        );
        let data = self.files[from][at..at + call.len()].to_vec();
        self.open.insert(source, Open::File(from, at + call.len()));
        self.open
            .insert(target, Open::File(file, offset + call.len()));
        if !data.is_empty() {
            self.change(Op::Write { file, offset, data });
        }
    }

    fn change(&mut self, op: Op) {
        let file = op.changes().expect("a change of bytes");
        op.apply(&mut self.files[file]);
        self.recording.ops.push(op);
    }

    fn synced(&mut self, call: &Call<'_>, open: Open) {
        // Of what other threads did meanwhile nobody knows whether it is durable.
        let began = self.steps_before[call.began];
        self.recording.ops.push(match open {
            Open::Folder => Op::SyncFolder { began },
            Open::File(file, _) => Op::SyncFile { file, began },
        });
    }

    fn resolved(&self, path: &Path) -> PathBuf {
        let path = self.folder.join(path);
        path.components()
            .filter(|part| *part != Component::CurDir)
            .collect()
    }

    /// The name of a path in the folder.
    fn name_of(&self, path: &Path) -> Option<String> {
        let path = self.resolved(path);
        let inside = path.strip_prefix(&self.folder).ok()?;
        let name = inside.to_str().unwrap();
        assert!(
            !name.contains('/'),
            "folders in the folder are not modelled"
        );
        (!name.is_empty()).then(|| name.to_owned())
    }
}
