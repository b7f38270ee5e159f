use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use redb2::{Database, Durability, MultimapTableDefinition, TableDefinition};
use tempfile::TempDir;

use super::*;
use crate::file::FileFormat;
use crate::file::era2::Era2;
use crate::file::era3::Era3;
use crate::file::guard;
use crate::file::pages::Shape;
use crate::file::tables::sample_size;

/// What a reader shows of a file: each table with its pages and its rows, where they have a type.
type Shown = Vec<(TableInfo, PageUse, Vec<(String, Value)>)>;

fn header(path: &Path) -> Header {
    Header::read(path).unwrap()
}

fn walk(path: &Path) -> Walk {
    Walk::new(File::open(path).unwrap(), &header(path)).unwrap()
}

fn redb(path: &Path) -> Era2 {
    Era2::open(File::open(path).unwrap(), true).unwrap()
}

fn rows(tables: &dyn Tables, table: &str, from: Option<&str>) -> Result<Vec<(String, Value)>> {
    let mut rows = Vec::new();
    tables.scan(table, from, &mut |key, value| {
        rows.push((key.to_owned(), value.to_value()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

fn show(tables: &dyn Tables) -> Result<Shown> {
    let has_type = |info: &TableInfo| !matches!(info.kind, ValueKind::Multimap | ValueKind::Other);
    let all = tables.list()?.into_iter();
    all.map(|info| {
        let pages = tables.measure(&info.name)?;
        let rows = match has_type(&info) {
            true => rows(tables, &info.name, None)?,
            false => Vec::new(),
        };
        Ok((info, pages, rows))
    })
    .collect()
}

/// A v2 file with pages of every kind.
fn made() -> (TempDir, PathBuf) {
    const MANY: MultimapTableDefinition<'_, &str, u64> = MultimapTableDefinition::new("many");
    const NUMBERED: TableDefinition<'_, u32, u32> = TableDefinition::new("numbered");
    const LISTS: TableDefinition<'_, &str, Vec<&str>> = TableDefinition::new("lists");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.redb");
    let db = Database::create(&path).unwrap();
    let txn = db.begin_write().unwrap();
    for n in 0..3_000u64 {
        let key = format!("key {:05}", n * 7 % 3_000);
        let value = vec![n as u8; (n % 400) as usize];
        let bytes = TableDefinition::<&str, &[u8]>::new("bytes");
        let text = TableDefinition::<&str, &str>::new("text");
        let unsigned = TableDefinition::<&str, u64>::new("unsigned");
        let signed = TableDefinition::<&str, i64>::new("signed");
        let mut bytes = txn.open_table(bytes).unwrap();
        bytes.insert(key.as_str(), value.as_slice()).unwrap();
        let mut text = txn.open_table(text).unwrap();
        text.insert(key.as_str(), key.repeat(3).as_str()).unwrap();
        let mut unsigned = txn.open_table(unsigned).unwrap();
        unsigned.insert(key.as_str(), n).unwrap();
        let mut signed = txn.open_table(signed).unwrap();
        signed.insert(key.as_str(), -(n as i64)).unwrap();
        let mut numbered = txn.open_table(NUMBERED).unwrap();
        numbered.insert(n as u32, 1).unwrap();
        let mut many = txn.open_multimap_table(MANY).unwrap();
        many.insert("tree", n).unwrap();
        many.insert(key.as_str(), n).unwrap();
    }
    txn.open_table(LISTS)
        .unwrap()
        .insert("a", vec!["b"])
        .unwrap();
    txn.open_table(TableDefinition::<&str, &[u8]>::new("empty"))
        .unwrap();
    let long = vec![7; 100_000];
    let bytes = TableDefinition::<&str, &[u8]>::new("bytes");
    txn.open_table(bytes)
        .unwrap()
        .insert("long", long.as_slice())
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    (folder, path)
}

/// Every page of the tables, with what it is.
fn pages(walk: &Walk) -> Vec<(Link, &'static str)> {
    let mut open: Vec<_> = walk.catalogue.into_iter().collect();
    let mut pages = Vec::new();
    while let Some(link) = open.pop() {
        let mut buffer = Vec::new();
        let node = walk.page(&link, &mut buffer).unwrap();
        let kind = match (&node, link.shape) {
            (Node::Leaf(_), Shape::Catalogue) => "catalogue",
            (Node::Leaf(_), Shape::Rows(_)) => "rows",
            (Node::Leaf(_), Shape::Multimap(_)) => "keys of a multimap",
            (Node::Branch(_), Shape::Rows(_)) => "branch",
            (Node::Branch(_), _) => "other branch",
        };
        node.links(link.shape, &mut |link| open.push(link)).unwrap();
        pages.push((link, kind));
    }
    pages
}

/// The same file in format v3.
fn made_v3() -> (TempDir, PathBuf) {
    let (folder, path) = made();
    assert!(Database::open(&path).unwrap().upgrade().unwrap());
    assert_eq!(header(&path).format(), FileFormat::V3);
    (folder, path)
}

/// The files of that format among the fixtures that were closed.
fn fixtures(format: FileFormat) -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    let folder = std::env::var_os("REDB_CACHE_FIXTURES").map_or(beside, PathBuf::from);
    let Ok(folder) = fs::read_dir(folder) else {
        return Vec::new();
    };
    folder
        .map(|release| release.unwrap().path().join("cache.redb"))
        .filter(|path| path.exists() && header(path).is_at_rest())
        .filter(|path| header(path).format() == format)
        .collect()
}

#[test]
fn a_sound_file_reads_as_redb_reads_it() {
    let (_folder, path) = made();
    for path in fixtures(FileFormat::V2).into_iter().chain([path]) {
        let shown = show(&walk(&path)).unwrap();
        assert!(!shown.is_empty());
        assert_eq!(shown, show(&redb(&path)).unwrap(), "{}", path.display());
    }
}

#[test]
fn a_sound_v3_file_reads_as_redb_reads_it() {
    let (_folder, path) = made_v3();
    for path in fixtures(FileFormat::V3).into_iter().chain([path]) {
        let walk = walk(&path);
        walk.measure_all().unwrap();
        let redb = Era3::repaired(File::open(&path).unwrap(), true).unwrap();
        assert_eq!(
            show(&walk).unwrap(),
            show(&redb).unwrap(),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_scan_begins_where_redb_begins_it() {
    let (_folder, path) = made();
    let (walk, redb) = (walk(&path), redb(&path));
    for n in (0..3_000).step_by(97) {
        for from in [
            format!("key {n:05}"),
            format!("key {n:05}!"),
            "z".into(),
            "a".into(),
        ] {
            let from = from.as_str();
            for table in ["bytes", "text", "unsigned", "signed", "empty", "absent"] {
                let found = rows(&walk, table, Some(from)).unwrap();
                assert_eq!(
                    found,
                    rows(&redb, table, Some(from)).unwrap(),
                    "{table} {from}"
                );
                let one = walk.get(table, from).unwrap();
                assert_eq!(one, redb.get(table, from).unwrap(), "{table} {from}");
            }
        }
    }
    for table in ["many", "numbered", "lists"] {
        assert_eq!(
            rows(&walk, table, None).unwrap_err().kind(),
            ErrorKind::Failed
        );
    }
}

#[test]
fn a_changed_byte_in_any_page_is_found() {
    let (_folder, path) = made();
    let sound = walk(&path);
    let bytes = fs::read(&path).unwrap();
    let mut kinds = BTreeSet::new();
    for (n, (link, kind)) in pages(&sound).into_iter().enumerate() {
        let mut buffer = Vec::new();
        let used = sound.page(&link, &mut buffer).unwrap().end().unwrap();
        let extent = sound.geometry.extent(link.page).unwrap();
        let mut damaged = bytes.clone();
        let at = usize::try_from(extent.offset).unwrap() + n * 31 % used;
        damaged[at] ^= 1 << (n % 8);
        fs::write(&path, &damaged).unwrap();
        let walk = walk(&path);
        let error = show(&walk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{kind}");
        assert!(walk.torn().error().is_some(), "{kind}");
        assert!(
            error.to_string().contains(&extent.offset.to_string()),
            "{kind}: {error}"
        );
        kinds.insert(kind);
    }
    let expected = [
        "branch",
        "catalogue",
        "keys of a multimap",
        "other branch",
        "rows",
    ];
    assert_eq!(kinds, BTreeSet::from(expected));
}

#[test]
fn a_changed_byte_in_a_fixture_is_found() {
    let (v2, v3) = (fixtures(FileFormat::V2), fixtures(FileFormat::V3));
    for path in v2.into_iter().chain(v3) {
        let sound = walk(&path);
        let bytes = fs::read(&path).unwrap();
        let copy = tempfile::NamedTempFile::new().unwrap();
        for (n, (link, kind)) in pages(&sound).into_iter().enumerate() {
            let extent = sound.geometry.extent(link.page).unwrap();
            let mut damaged = bytes.clone();
            damaged[usize::try_from(extent.offset).unwrap() + n % 4] ^= 0x10;
            fs::write(copy.path(), &damaged).unwrap();
            let error = show(&walk(copy.path())).unwrap_err();
            let path = path.display();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{kind} of {path}");
        }
    }
}

#[test]
fn a_file_that_ends_early_is_damaged() {
    let (_folder, path) = made();
    let header = header(&path);
    let file = File::options().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    for keep in [length / 2, 8_192, 320] {
        file.set_len(keep).unwrap();
        let walk = Walk::new(File::open(&path).unwrap(), &header).unwrap();
        assert_eq!(
            show(&walk).unwrap_err().kind(),
            ErrorKind::Damaged,
            "{keep}"
        );
        let refused = Header::read(&path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Damaged, "{keep}");
    }
}

#[test]
fn damage_that_no_reader_meets_stops_none_and_is_told_by_redb() {
    let (_folder, path) = made();
    let mut tried = 0;
    for path in fixtures(FileFormat::V2).into_iter().chain([path]) {
        let bytes = fs::read(&path).unwrap();
        let shown = show(&walk(&path)).unwrap();
        let slot = 64 + 128 * usize::from(bytes[9] & 1);
        // After the tables' root that of redb's own tables, and of its list of free pages.
        for (has_root, root) in [(2, 40), (3, 72)] {
            if bytes[slot + has_root] == 0 {
                continue;
            }
            let page = u64::from_le_bytes(*bytes[slot + root..].first_chunk().unwrap());
            let geometry = header(&path).geometry().unwrap();
            let at = usize::try_from(geometry.extent(page).unwrap().offset).unwrap();
            let mut damaged = bytes.clone();
            damaged[at + 4] ^= 1;
            let copy = tempfile::NamedTempFile::new().unwrap();
            fs::write(copy.path(), damaged).unwrap();
            assert_eq!(show(&walk(copy.path())).unwrap(), shown);
            let checked = guard::catch(|| Era2::open(File::open(copy.path())?, true));
            assert!(checked.is_err(), "{}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn damage_of_redbs_own_tables_is_found_by_who_measures_all() {
    let (_folder, path) = made_v3();
    for path in fixtures(FileFormat::V3).into_iter().chain([path]) {
        let bytes = fs::read(&path).unwrap();
        let root = header(&path).system_root().unwrap();
        let extent = header(&path).geometry().unwrap().extent(root.page).unwrap();
        let mut damaged = bytes.clone();
        damaged[usize::try_from(extent.offset).unwrap() + 4] ^= 1;
        let copy = tempfile::NamedTempFile::new().unwrap();
        fs::write(copy.path(), damaged).unwrap();
        let walk = walk(copy.path());
        show(&walk).unwrap();
        let error = walk.measure_all().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{}", path.display());
    }
}

#[test]
fn what_a_killed_process_left_is_not_read_without_redb() {
    let (folder, path) = made();
    let db = Database::open(&path).unwrap();
    let mut txn = db.begin_write().unwrap();
    txn.set_durability(Durability::Immediate);
    txn.open_table(TableDefinition::<&str, &[u8]>::new("bytes"))
        .unwrap()
        .insert("key 00000", b"the last".as_slice())
        .unwrap();
    txn.commit().unwrap();
    let killed = folder.path().join("killed.redb");
    fs::copy(&path, &killed).unwrap();
    drop(db);
    assert!(!header(&killed).is_checked_when_read());
    assert!(header(&path).is_checked_when_read());
    let last = redb(&killed).get("bytes", "key 00000").unwrap();
    assert_eq!(last, Some(Value::Bytes(b"the last".to_vec())));
    assert_eq!(walk(&path).get("bytes", "key 00000").unwrap(), last);
}

#[test]
fn a_changed_commit_slot_is_left_to_redb() {
    let (_folder, path) = made();
    let bytes = fs::read(&path).unwrap();
    let primary = 64 + 128 * usize::from(bytes[9] & 1);
    for at in primary + 1..primary + 128 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(!header(&path).is_checked_when_read(), "{at}");
    }
    // The other slot, of an earlier commit, in its place.
    let mut damaged = bytes;
    damaged[9] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert!(!header(&path).is_checked_when_read());
}

#[test]
fn a_sample_has_all_of_few_rows_and_some_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.redb");
    let db = Database::create(&path).unwrap();
    let txn = db.begin_write().unwrap();
    for (table, rows) in [("few", 100u64), ("many", 60_000)] {
        let definition = TableDefinition::<&str, &[u8]>::new(table);
        let mut table = txn.open_table(definition).unwrap();
        for n in 0..rows {
            table
                .insert(format!("{n:08}").as_str(), [7; 100].as_slice())
                .unwrap();
        }
    }
    txn.commit().unwrap();
    drop(db);
    let sampled = |tables: &dyn Tables, table| {
        let mut keys = Vec::new();
        let mut visit = |key: &str, _: ValueRef<'_>| {
            keys.push(key.parse::<u64>().unwrap());
            Ok(ControlFlow::Continue(()))
        };
        tables.sample(table, &mut visit).unwrap();
        keys
    };
    let (walk, redb) = (walk(&path), redb(&path));
    for tables in [&walk as &dyn Tables, &redb] {
        assert_eq!(sampled(tables, "few"), (0..100).collect::<Vec<_>>());
        let many = sampled(tables, "many");
        assert!(many.is_sorted());
        assert!(many.iter().take(4_096).copied().eq(0..4_096));
        let expected = usize::try_from(sample_size(60_000)).unwrap();
        let off = many.len().abs_diff(expected);
        assert!(off < 300, "{} instead of {expected}", many.len());
        assert!(many.last() > Some(&59_000));
        assert!(sampled(tables, "absent").is_empty());
    }
}
