//! Text is told from other bytes, and one encoding from the other.

use super::*;

fn check(bytes: &[u8], expected: Result<Encoding, SkipReason>) {
    assert_eq!(sniff(bytes), expected, "{}", bytes.escape_ascii());
}

#[test]
fn text_in_both_encodings_is_told_apart() {
    check(b"plain ASCII", Ok(Encoding::Utf8));
    check("Fu\u{df}g\u{e4}nger".as_bytes(), Ok(Encoding::Utf8));
    check(b"\xef\xbb\xbfwith a mark", Ok(Encoding::Utf8));
    check(b"Fu\xdfg\xe4nger", Ok(Encoding::Latin1));
}

#[test]
fn what_fits_neither_encoding_is_refused() {
    check(
        "\u{e4} and "
            .as_bytes()
            .iter()
            .chain(b"\xe4!")
            .copied()
            .collect::<Vec<_>>()
            .as_slice(),
        Err(SkipReason::UnknownEncoding),
    );
    check(b"\xff\xfe\0\0a\0\0\0", Err(SkipReason::UnknownEncoding));
    check(b"\x1b$B%\"%j\x1b(B ends", Err(SkipReason::UnknownEncoding));
}

#[test]
fn binary_files_are_refused() {
    check(b"text\0text", Err(SkipReason::Binary));
    check(b"\x89PNG\r\n\x1a\n....", Err(SkipReason::Binary));
    check(b"%PDF-1.4 all letters", Err(SkipReason::Binary));
    check(b"a\x01b\x02c\x03", Err(SkipReason::Binary));
    let mut late = vec![b'a'; 100_000];
    late.push(0);
    check(&late, Err(SkipReason::Binary));
}

#[test]
fn a_text_that_begins_like_a_bitmap_is_still_text() {
    check(b"BM25 is a ranking function.", Ok(Encoding::Utf8));
    check(b"MZ is how programs of DOS begin.", Ok(Encoding::Utf8));
    check(b"BM25 f\xfcr alle", Ok(Encoding::Latin1));
}

#[test]
fn one_stray_control_byte_is_forgiven_in_a_long_text() {
    let mut log = vec![b'a'; 2_000];
    log[1_000] = 0x02;
    check(&log, Ok(Encoding::Utf8));
}

#[test]
fn files_without_text_are_empty() {
    check(b"", Err(SkipReason::Empty));
    check(b" \r\n\t\n", Err(SkipReason::Empty));
    check(b"\xef\xbb\xbf\n", Err(SkipReason::Empty));
}

#[test]
fn legacy_encodings_are_told_where_there_is_enough_text() {
    use anthill_text::encoding::encode;
    let texts = [
        (
            Encoding::Windows1251,
            "Муравьи находят пищу по следам феромонов, которые оставили другие муравьи.",
        ),
        (
            Encoding::Koi8U,
            "Муравьи находят пищу по следам феромонов, которые оставили другие муравьи.",
        ),
        (
            Encoding::ShiftJis,
            "アリは仲間が残したフェロモンの道をたどって食物を見つける。",
        ),
        (
            Encoding::EucJp,
            "アリは仲間が残したフェロモンの道をたどって食物を見つける。",
        ),
        (
            Encoding::Gb18030,
            "蚂蚁沿着其他蚂蚁留下的信息素轨迹寻找食物，然后回到巢穴。",
        ),
        (
            Encoding::Big5,
            "螞蟻沿著其他螞蟻留下的費洛蒙軌跡尋找食物，然後回到巢穴。",
        ),
        (
            Encoding::EucKr,
            "개미는 다른 개미가 남긴 페로몬 길을 따라 먹이를 찾는다.",
        ),
        (
            Encoding::Windows1250,
            "Mrówki znajdują pożywienie, podążając śladami feromonów innych mrówek.",
        ),
        (
            Encoding::Windows1253,
            "Τα μυρμήγκια βρίσκουν τροφή ακολουθώντας ίχνη φερομονών.",
        ),
        (Encoding::Windows1256, "يجد النمل الطعام باتباع مسارات الفيرومون"),
        (
            Encoding::Windows1252,
            "The \u{201c}trail\u{201d} \u{2014} it\u{2019}s a smell",
        ),
        (Encoding::Latin1, "Die Fußgänger gehen über die Brücke."),
        (Encoding::Utf16Le, "Ants find food by trails."),
        (Encoding::Utf16Be, "Ants find food by trails."),
    ];
    for (encoding, text) in texts {
        let bytes = encode(text, encoding).expect("the text stands in its encoding");
        check(&bytes, Ok(encoding));
    }
}

#[test]
fn what_a_file_says_of_itself_is_believed_where_it_reads_well() {
    check(
        b"<html><meta charset=\"windows-1251\"><p>\xcc\xe0",
        Ok(Encoding::Windows1251),
    );
    check(
        b"<?xml version='1.0' encoding='Shift_JIS'?><a>\x88\xc0</a>",
        Ok(Encoding::ShiftJis),
    );
    check(
        b"<meta http-equiv=content-type content='text/html; charset=koi8-r'>\xcd\xd5",
        Ok(Encoding::Koi8R),
    );
    check(
        b"# -*- coding: iso-8859-15 -*-\n# Preis: 5 \xa4\n",
        Ok(Encoding::Iso8859_15),
    );
    check(b"<meta charset=utf-16><p>plain", Ok(Encoding::Utf8));
    check("<meta charset=koi8-r><p>\u{fc}ber".as_bytes(), Ok(Encoding::Utf8));
}

#[test]
fn a_mark_tells_utf_16() {
    check(b"\xff\xfea\0b\0", Ok(Encoding::Utf16Le));
    check(b"\xfe\xff\0a\0b", Ok(Encoding::Utf16Be));
    check(b"\xff\xfe \0\n\0", Err(SkipReason::Empty));
    check(b"\xff\xfea\0b", Err(SkipReason::UnknownEncoding));
}
