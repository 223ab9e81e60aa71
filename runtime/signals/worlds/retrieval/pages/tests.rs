//! What is read of a page's source.

use super::*;

const MAN: &str = r#".\" A comment.
.TH "GIT\-ADD" "1" "10/07/2025"
.ie \n(.g .ds Aq \(aq
.de URL
.SH "NAME"
.  .
.SH "NAME"
git\-add, git\-stage \- Add file contents to the \fIindex\fR
.SH SYNOPSIS
.BR git-add " [" \-v ]
.SH "DESCRIPTION"
.PP
This command can add file contents to the index. It \(lqupdates\(rq\s-1 it\s0.\" why
.SH "SEE ALSO"
.BR git-rm (1),
\fBgitignore\fP(5), \fBgit-rm\fR(1)
.SH NOTES
See \(aqgit\(aq\&.
"#;

const MDOC: &str = r".Dd October 26, 2022
.Dt FILE 1 amd64
.Os
.Sh NAME
.Nm file
.Nd determine file type
.Sh SYNOPSIS
.Nm
.Op Fl bc Ar name
.Sh DESCRIPTION
.Nm
tests each argument in the manner of
.Xr find 1 .
.Sh SEE ALSO
.Xr magic 5 ,
.Xr hexdump 1
";

#[test]
fn a_page_in_man_macros() {
    let page = page_of(MAN).expect("a page");
    let expected = Page {
        name: "git-add(1)".to_owned(),
        one_line: "Add file contents to the index".to_owned(),
        body: "SYNOPSIS git-add [-v] DESCRIPTION This command can . It \"updates\" it. NOTES See 'git'."
            .to_owned(),
        see_also: vec!["git-rm(1)".to_owned(), "gitignore(5)".to_owned()],
    };
    assert_eq!(page, expected);
}

#[test]
fn a_page_in_mdoc_macros() {
    let page = page_of(MDOC).expect("a page");
    let expected = Page {
        name: "file(1)".to_owned(),
        one_line: "determine file type".to_owned(),
        body: "SYNOPSIS file bc name DESCRIPTION file tests each argument in the manner of find(1)."
            .to_owned(),
        see_also: vec!["magic(5)".to_owned(), "hexdump(1)".to_owned()],
    };
    assert_eq!(page, expected);
}

#[test]
fn what_is_no_page_is_none() {
    for roff in [
        "",
        ".so man1/other.1",
        ".SH NAME\nx \\- y\n",
        ".TH X 1\n.SH NAME\nonly a name\n.SH BODY\ntext",
        "\\f",
        ".SH \"",
        "\\s",
        "\\h'",
    ] {
        assert_eq!(page_of(roff), None, "{roff}");
    }
}
