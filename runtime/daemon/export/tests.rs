//! A brief as files.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

use super::*;

#[tokio::test]
async fn a_brief_replaces_an_older_one_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("a/b");
    let mut brief = Brief {
        question: "why?".to_owned(),
        ..Brief::default()
    };
    prepare(&out).expect("the folder can be made");
    write(&out, &brief).await.expect("the folder can be written");
    brief.question = "how?".to_owned();
    let mode = PermissionsExt::from_mode(0o640);
    fs::set_permissions(out.join("brief.md"), mode).expect("a mode");
    let files = write(&out, &brief).await.expect("the folder can be written");
    assert_eq!(files, [out.join("brief.md"), out.join("brief.json")]);
    let json = fs::read(&files[1]).expect("the file is there");
    assert_eq!(
        serde_json::from_slice::<Brief>(&json).expect("it is a brief"),
        brief
    );
    assert_eq!(
        fs::metadata(&files[0]).expect("the file is there").mode() & 0o777,
        0o640
    );
    assert_eq!(
        fs::read_dir(&out).expect("a folder").count(),
        2,
        "nothing temporary is left"
    );
}

#[test]
fn a_folder_below_a_file_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("file"), "").expect("a file");
    let problem = prepare(&folder.path().join("file/out")).expect_err("a file holds no folder");
    assert_eq!(problem.code.id, "AH0113");
}
