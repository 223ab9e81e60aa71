//! Files of large bodies, and damage to bodies.

use super::*;
use crate::options::StoreOptions;
use crate::schema;

struct Bed {
    _folder: tempfile::TempDir,
    conn: Connection,
    blobs: BlobFolder,
}

fn bed() -> Bed {
    let folder = tempfile::tempdir().expect("a folder");
    let conn = schema::open_journal(folder.path(), &StoreOptions::default()).expect("a journal");
    let blobs = BlobFolder::new(folder.path());
    Bed {
        _folder: folder,
        conn,
        blobs,
    }
}

impl Bed {
    fn put(&self, bytes: Vec<u8>) -> Blob {
        let blob = Blob::new(bytes);
        let prepared = self.blobs.prepare(&blob).expect("it is prepared");
        insert(&self.conn, &prepared).expect("it is written");
        blob
    }

    fn read(&self, blob: &Blob) -> Result<Blob, StoreError> {
        read(&self.conn, &self.blobs, blob.digest())
    }

    fn form(&self, blob: &Blob) -> (i64, bool) {
        let sql = "SELECT form, body IS NULL FROM blobs WHERE digest = ?1";
        let digest = blob.digest();
        self.conn
            .query_row(sql, [digest.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("a row")
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut out);
    out
}

#[test]
fn each_body_takes_its_shortest_form() {
    let bed = bed();
    let check = |bytes: Vec<u8>, expected: (i64, bool)| {
        let blob = bed.put(bytes);
        assert_eq!(bed.form(&blob), expected, "{} bytes", blob.bytes().len());
        assert_eq!(bed.read(&blob), Ok(blob));
    };
    check(b"short".to_vec(), (0, false));
    check(vec![b'a'; 1_000], (1, false));
    check(noise(1_000), (0, false));
    check(noise(INLINE_BYTES_MAX), (0, false));
    check(noise(INLINE_BYTES_MAX + 1), (2, true));
    check(vec![b'a'; INLINE_BYTES_MAX + 1], (3, true));
}

#[test]
fn a_large_body_lies_in_one_file_however_often_it_comes() {
    let bed = bed();
    let blob = bed.put(noise(300_000));
    let path = bed.blobs.path(blob.digest(), Form::FilePlain);
    let before = fs::metadata(&path)
        .expect("it has a file")
        .modified()
        .expect("a time");
    bed.put(noise(300_000));
    assert_eq!(
        fs::metadata(&path)
            .expect("it has a file")
            .modified()
            .expect("a time"),
        before
    );
    let unfinished = fs::read_dir(bed.blobs.root.join(UNFINISHED))
        .expect("it is read")
        .count();
    assert_eq!(unfinished, 0, "nothing half written stays");
}

#[test]
fn what_a_killed_process_left_is_swept() {
    let bed = bed();
    let folder = bed.blobs.root.join(UNFINISHED);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("0"), "half").expect("a file");
    bed.blobs.sweep().expect("it is swept");
    assert!(!folder.exists());
    bed.blobs.sweep().expect("nothing to sweep is fine");
}

#[test]
fn a_flipped_bit_in_a_body_is_seen() {
    for bytes in [noise(100), vec![b'a'; 5_000]] {
        let bed = bed();
        let blob = bed.put(bytes);
        let stored: Vec<u8> = bed
            .conn
            .query_row("SELECT body FROM blobs", [], |row| row.get(0))
            .expect("the row");
        for position in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[position] ^= 4;
            bed.conn
                .execute("UPDATE blobs SET body = ?1", [flipped])
                .expect("it is changed");
            // A flip that leaves the content as it was (an unused bit of the compressor's header) harms nobody.
            match bed.read(&blob) {
                Ok(read) => assert_eq!(read, blob),
                Err(error) => assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_file_is_seen() {
    let bed = bed();
    let blob = bed.put(noise(300_000));
    let path = bed.blobs.path(blob.digest(), Form::FilePlain);
    let mut bytes = fs::read(&path).expect("the file");
    bytes[1_234] ^= 1;
    fs::write(&path, &bytes).expect("it is changed");
    assert!(matches!(bed.read(&blob), Err(StoreError::Corrupt { .. })));
    fs::remove_file(&path).expect("it is removed");
    assert!(
        matches!(bed.read(&blob), Err(StoreError::Corrupt { .. })),
        "its row says that it was there"
    );
}

#[test]
fn a_body_that_unpacks_to_more_than_it_says_is_refused() {
    let bed = bed();
    let blob = bed.put(vec![b'a'; 5_000]);
    let bomb = zstd::bulk::compress(&vec![0; 50_000_000], 3).expect("it compresses");
    bed.conn
        .execute("UPDATE blobs SET body = ?1", [bomb])
        .expect("it is changed");
    assert!(matches!(bed.read(&blob), Err(StoreError::Corrupt { .. })));
    bed.conn
        .execute("UPDATE blobs SET bytes = 1 << 40", [])
        .expect("it is changed");
    assert!(
        matches!(bed.read(&blob), Err(StoreError::Corrupt { .. })),
        "before anything is allocated"
    );
}
