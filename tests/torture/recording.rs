//! What a program did to the files of one folder, as `strace` saw it.
//!
//! Nothing is believed unseen: a call that is not modelled here ends the test, and the operations
//! carried out one after another must give the folder as the program left it, byte by byte.

mod calls;

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use calls::Call;

/// A file, whatever its names are.
pub type FileId = usize;

/// Names and the bytes of the files that they name.
pub type Folder = BTreeMap<String, Vec<u8>>;

/// One step of the program.
pub enum Op {
    /// Bytes that belong at an offset.
    Write {
        file: FileId,
        offset: usize,
        data: Vec<u8>,
    },
    /// A new length.
    SetLen { file: FileId, len: usize },
    /// Names that change together, to name a file or nothing.
    Entries(Vec<(String, Option<FileId>)>),
    /// All that had been done to the file before the step `began` is durable.
    SyncFile { file: FileId, began: usize },
    /// The same of the names.
    SyncFolder { began: usize },
    /// A line on stdout.
    Said(String),
    /// The end, with this exit code.
    Exit(i32),
}

/// A run of the program.
pub struct Recording {
    /// The names that there were before, and the files that they named.
    pub names: BTreeMap<String, FileId>,
    /// The files by their id, as they were before; what the run made was empty.
    pub files: Vec<Vec<u8>>,
    /// In the order in which they ended.
    pub ops: Vec<Op>,
}

/// Why no process can be watched here; `None` where one can.
pub fn why_not() -> Option<String> {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=fsync", "true"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("strace: {error}")),
    }
}

impl Recording {
    /// Runs `command` in `folder` and takes down what it does there.
    pub fn of(command: &Command, folder: &Path) -> Self {
        let folder = folder.canonicalize().unwrap();
        let before = contents(&folder);
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-xx", "-s", "1000000000", "-e", calls::TRACED, "-o"])
            .arg(log.path())
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => strace.env(name, value),
                None => strace.env_remove(name),
            };
        }
        let output = strace.current_dir(&folder).output().unwrap();
        let log = std::fs::read_to_string(log.path()).unwrap();
        let mut recorder = Recorder::new(&folder, before);
        for call in calls::read(&log) {
            recorder.take(&call);
        }
        let recording = recorder.recording;
        assert!(
            recording.replayed() == contents(&folder),
            "something was done to {} that the trace does not show: {output:?}",
            folder.display()
        );
        recording
    }

    /// What all steps come to where none is lost.
    fn replayed(&self) -> Folder {
        let mut files = self.files.clone();
        let mut names = self.names.clone();
        for op in &self.ops {
            match op {
                Op::Entries(entries) => apply_entries(&mut names, entries),
                op => {
                    if let Some(file) = op.changes() {
                        op.apply(&mut files[file]);
                    }
                }
            }
        }
        let bytes = |(name, file): (String, FileId)| (name, files[file].clone());
        names.into_iter().map(bytes).collect()
    }
}

impl Op {
    /// The file whose bytes it changes.
    pub fn changes(&self) -> Option<FileId> {
        match self {
            Self::Write { file, .. } | Self::SetLen { file, .. } => Some(*file),
            _ => None,
        }
    }

    /// Carries it out on the bytes of its file.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data, .. } => {
                let end = offset + data.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::SetLen { len, .. } => bytes.resize(*len, 0),
            _ => {}
        }
    }
}

/// Carries a change of names out.
pub fn apply_entries(names: &mut BTreeMap<String, FileId>, entries: &[(String, Option<FileId>)]) {
    for (name, file) in entries {
        match file {
            Some(file) => names.insert(name.clone(), *file),
            None => names.remove(name),
        };
    }
}

/// What is in a folder of files.
pub fn contents(folder: &Path) -> Folder {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// What a descriptor is open on.
#[derive(Clone, Copy)]
enum Open {
    Folder,
    /// A file, and where `write` goes on in it.
    File(FileId, usize),
}

/// Turns calls into operations.
struct Recorder {
    folder: PathBuf,
    names: BTreeMap<String, FileId>,
    files: Vec<Vec<u8>>,
    open: HashMap<i64, Open>,
    /// How many steps there were before the call of that number ended.
    steps_before: Vec<usize>,
    recording: Recording,
}

impl Recorder {
    fn new(folder: &Path, before: Folder) -> Self {
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

    fn take(&mut self, call: &Call<'_>) {
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
