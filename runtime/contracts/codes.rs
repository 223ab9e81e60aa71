//! Stable codes of everything that can go wrong, with one page each.
//!
//! A code never changes its meaning and is never used again. The pages lie in `codes/`, are compiled in, and are
//! shown by `anthill explain CODE`. Exit codes of the program follow from the code:
//!
//! | exit | meaning |
//! |---|---|
//! | 0 | the job succeeded, or the question was answered |
//! | 1 | the job failed or was cancelled |
//! | 2 | wrong input: command line, job file, configuration, input files |
//! | 3 | the result is partial and the job can be resumed: the budget is used up, or documents could not be read |
//! | 4 | the data directory, the disk, the output folder or a limit of the operating system |
//! | 5 | a model's provider |
//! | 6 | what was asked for does not exist |
//! | 70 | a defect of anthill |
//! | 130 | stopped by a signal; the job can be resumed |

/// One stable code.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The code as it is printed.
    pub id: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What a person can do, in one line.
    pub remedy: &'static str,
    /// The program's exit code.
    pub exit: u8,
    /// The page, in Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $exit:literal, $title:literal, $remedy:literal;)*) => {
        $(
            $(#[$doc])*
            pub static $name: Code = Code {
                id: $id,
                title: $title,
                remedy: $remedy,
                exit: $exit,
                page: include_str!(concat!("codes/", $id, ".md")),
            };
        )*

        /// Every code, in order.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    /// A defect of anthill itself.
    DEFECT = "AH0001", 70, "a defect of anthill itself", "report it with the log and `anthill audit verify`";
    /// Stopped by a signal.
    INTERRUPTED = "AH0002", 130, "stopped by a signal", "`anthill job resume JOB` goes on";
    /// The process may not open any more files.
    DESCRIPTORS_EXHAUSTED = "AH0003", 4, "too many files are open", "raise the limit with `ulimit -n 4096`, then `anthill job resume JOB`";
    /// The job file cannot be read.
    SPEC_MISSING = "AH0101", 2, "the job file cannot be read", "check the path";
    /// The job file is not valid TOML or JSON.
    SPEC_SYNTAX = "AH0102", 2, "the job file is not valid TOML or JSON", "mend the line that is named";
    /// An unknown key.
    SPEC_KEY = "AH0103", 2, "an unknown key", "use the suggested key, or remove it";
    /// A value that is not allowed.
    SPEC_VALUE = "AH0104", 2, "a value that is not allowed", "see the message for what is allowed";
    /// An input does not exist.
    INPUT_MISSING = "AH0105", 2, "an input does not exist", "check `inputs` in the job file, or `--input`";
    /// No readable document in the inputs.
    INPUT_EMPTY = "AH0106", 2, "no readable document in the inputs", "see which files were skipped with `anthill doctor --input PATH`";
    /// An input cannot be read.
    INPUT_UNREADABLE = "AH0107", 2, "an input cannot be read", "check the permissions";
    /// A path outside the job's inputs.
    INPUT_OUTSIDE = "AH0108", 2, "a path outside the job's inputs", "only files below the inputs can be read";
    /// An input changed while the job ran.
    INPUT_CHANGED = "AH0109", 1, "an input changed while the job ran", "let the files stand still, then run the job again";
    /// A budget of zero.
    BUDGET_ZERO = "AH0110", 2, "a budget of zero", "raise the limit, or leave it out";
    /// The plan is not valid.
    PLAN_INVALID = "AH0111", 2, "the plan is not valid", "mend what the message names";
    /// The configuration cannot be read.
    CONFIG_INVALID = "AH0112", 2, "the configuration cannot be read", "compare it with config/anthill.toml";
    /// The output cannot be written.
    OUTPUT_NOT_WRITABLE = "AH0113", 4, "the output cannot be written", "choose another place for it, such as another `--out`";
    /// A wrong command line.
    USAGE = "AH0114", 2, "a wrong command line", "see `anthill help`";
    /// A file is larger than what is read of it.
    FILE_TOO_LARGE = "AH0120", 2, "a file is too large", "check that it is the right file; the message names the limit";
    /// The standard output stream cannot be written.
    STDOUT_NOT_WRITABLE = "AH0121", 4, "the standard output stream cannot be written", "send it elsewhere, or free some space there";
    /// The data directory is in use.
    DATA_IN_USE = "AH0201", 4, "the data directory is in use", "wait, stop the other process, or use another `--data-dir`";
    /// The data directory cannot be written.
    DATA_NOT_WRITABLE = "AH0202", 4, "the data directory cannot be written", "check its permissions, or use another `--data-dir`";
    /// The disk is full.
    DISK_FULL = "AH0203", 4, "the disk is full", "free some space and try again; a job goes on with `anthill job resume JOB`";
    /// The store is damaged.
    DATA_CORRUPT = "AH0204", 4, "the store is damaged", "restore the data directory from a backup; `anthill audit verify` names the first flaw";
    /// The store stopped after a failed write.
    STORE_STOPPED = "AH0205", 4, "the store stopped after a failed write", "check the disk, then `anthill job resume JOB`";
    /// The data was written by a newer program.
    DATA_TOO_NEW = "AH0206", 4, "the data was written by a newer program", "use the newer program";
    /// There is no data directory.
    DATA_MISSING = "AH0207", 4, "there is no data directory", "run a job first, or name it with `--data-dir`";
    /// Another lead owns the job.
    FENCED = "AH0208", 4, "another lead owns the job", "look who runs it with `anthill job show JOB`";
    /// The store's queue is full.
    STORE_BUSY = "AH0209", 4, "the store's queue is full", "try again";
    /// A stored body is missing.
    BLOB_NOT_FOUND = "AH0210", 4, "a stored body is missing", "`anthill audit verify` names what needs it";
    /// An unknown model or provider.
    MODEL_UNKNOWN = "AH0301", 5, "an unknown model or provider", "use one of the names in the message, or add it to the configuration";
    /// A provider's key is missing.
    KEY_MISSING = "AH0302", 5, "a provider's key is missing", "set the environment variable that is named";
    /// A provider refused the key.
    KEY_REFUSED = "AH0303", 5, "a provider refused the key", "check the key";
    /// The model's price is not known.
    PRICE_UNKNOWN = "AH0304", 5, "the model's price is not known", "add its price to the configuration, or remove the usd limit";
    /// A provider does not answer.
    MODEL_UNAVAILABLE = "AH0305", 5, "a provider does not answer", "try again later with `anthill job resume JOB`";
    /// A provider's answer is malformed.
    MODEL_MALFORMED = "AH0306", 5, "a provider's answer is malformed", "check the base URL of the provider";
    /// A provider refused the request.
    MODEL_REFUSED = "AH0307", 5, "a provider refused the request", "see what it said in the message";
    /// A provider does not serve this account.
    ACCOUNT_REFUSED = "AH0308", 5, "a provider does not serve this account", "settle with the provider what its message names, then `anthill job resume JOB`";
    /// A provider does not have the model.
    MODEL_MISSING = "AH0309", 5, "a provider does not have the model", "check the model's name with the provider";
    /// A prompt is too long for the model.
    PROMPT_TOO_LONG = "AH0310", 5, "a prompt is too long for the model", "use a model with a longer context, or smaller pieces with `work.chunk_bytes`";
    /// A content filter refused the request.
    MODEL_FILTERED = "AH0311", 5, "a provider's content filter refused the request", "leave the document out, or ask another model";
    /// An answer was cut off at its token limit.
    ANSWER_CUT = "AH0312", 5, "an answer was cut off at its token limit", "raise `work.answer_tokens_max` in the job file";
    /// A model refused to answer.
    ANSWER_REFUSED = "AH0313", 5, "a model refused to answer", "leave the document out, or ask another model";
    /// No such job.
    JOB_NOT_FOUND = "AH0401", 6, "no such job", "list the jobs with `anthill job list`";
    /// No such artifact.
    ARTIFACT_NOT_FOUND = "AH0402", 6, "no such artifact", "list them with `anthill artifact list JOB`";
    /// The job has already ended.
    JOB_ENDED = "AH0403", 6, "the job has already ended", "start a new one with `anthill run`";
    /// More than one id begins like this.
    ID_AMBIGUOUS = "AH0404", 6, "more than one id begins like this", "write more of the id";
    /// No such code.
    CODE_UNKNOWN = "AH0405", 6, "no such code", "list them with `anthill explain`";
    /// The job failed.
    JOB_FAILED = "AH0501", 1, "the job failed", "see why with `anthill job show JOB`";
    /// The budget is used up; the result is partial.
    JOB_PARTIAL = "AH0502", 3, "the budget is used up; the result is partial", "raise the budget, then `anthill job resume JOB --budget DIMENSION=LIMIT`";
    /// The job was cancelled.
    JOB_CANCELLED = "AH0503", 1, "the job was cancelled", "start a new one with `anthill run`";
    /// Some documents could not be read; the result is partial.
    JOB_UNREAD = "AH0504", 3, "some documents could not be read; the result is partial", "mend what is named, then `anthill job resume JOB` reads just those";
    /// The knowledge does not answer.
    KNOWLEDGE_AWAY = "AH0601", 70, "the knowledge does not answer", "try again; the log says why it was away";
    /// The knowledge cannot be kept.
    KNOWLEDGE_NOT_KEPT = "AH0602", 4, "the knowledge cannot be kept", "check the disk of the data directory";
    /// The knowledge is damaged.
    KNOWLEDGE_DAMAGED = "AH0603", 4, "the knowledge is damaged", "restore `knowledge.db` from a backup, or import a snapshot with `anthill knowledge import FILE`";
    /// A signal was refused.
    SIGNAL_REFUSED = "AH0604", 2, "a signal was refused", "mend what the message names";
    /// No such signal.
    SIGNAL_NOT_FOUND = "AH0605", 6, "no such signal", "list them with `anthill knowledge list`";
    /// The file is no knowledge.
    SNAPSHOT_INVALID = "AH0606", 2, "the file holds no knowledge that can be read", "export it again with `anthill knowledge export FILE`";
}

/// The code of this id, whatever its case.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests;
