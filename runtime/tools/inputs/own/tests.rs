//! What was written by the program is told from what lies beside it.

use super::*;

#[test]
fn folders_files_and_data_are_told_from_their_neighbours() {
    let mut own = OwnOutput::default();
    own.add_data("/work/.data".into());
    own.add_folder("/work/out".into());
    own.add_file("/work/out/brief.md".into());
    own.add_file("/work/notes/brief.md".into());
    let check = |base: &str, full: &str, expected: bool| {
        assert_eq!(
            own.holds(Path::new(base), Path::new(full)),
            expected,
            "{full} in {base}"
        );
    };
    check("/work", "/work/out", true);
    check("/work", "/work/out/deep/own.md", true);
    check("/work", "/work/output/a.md", false);
    check("/work", "/work/notes/brief.md", true);
    check("/work", "/work/notes/mine.md", false);
    check("/work", "/work/.data/journal", true);
    // Whoever names the folder itself wants what else is in it.
    check("/work/out", "/work/out/mine.md", false);
    check("/work/out", "/work/out/brief.md", true);
    check("/work/out/deep", "/work/out/deep/mine.md", false);
    check("/work/.data", "/work/.data/journal", true);
    check("/work/.data/blobs", "/work/.data/blobs/one", true);
}
