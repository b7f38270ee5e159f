//! What the name of a key says about its value where nothing else does.

/// What a value probably is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    List,
    Map,
    Flag,
    Count,
    Text,
}

/// Plurals that name one thing with many fields.
#[rustfmt::skip]
const MAPS: &[&str] = &[
    "args_map", "attributes", "config", "context", "data", "details", "env", "extra", "fields",
    "headers", "kwargs", "labels", "mapping", "meta", "metadata", "object", "options", "opts",
    "parameters", "params", "payload", "properties", "props", "settings", "state", "variables",
    "vars",
];

#[rustfmt::skip]
const LISTS: &[&str] = &[
    "args", "argv", "array", "batch", "data_list", "exclude", "history", "ids", "include",
    "items", "list", "only", "path_list", "queue", "skip_list", "stack", "stop",
];

#[rustfmt::skip]
const FLAGS: &[&str] = &[
    "all", "append", "async", "background", "case_insensitive", "case_sensitive", "check",
    "clean", "confirm", "debug", "deleted", "done", "draft", "dry_run", "enable", "enabled",
    "exact", "fix", "follow", "follow_redirects", "force", "global", "hidden", "ignore_case",
    "inplace", "insecure", "interactive", "locked", "ok", "optional", "overwrite", "preview",
    "public", "quiet", "raw", "readonly", "recursive", "release", "replace_all", "required",
    "reverse", "sandbox", "secure", "silent", "stream", "strict", "success", "sync", "truncate",
    "unique", "update", "use_regex", "verbose", "wait", "watch", "whole_word", "wrap",
];

#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "action", "body", "branch", "cmd", "code", "command", "comment", "content", "cwd",
    "default", "description", "dir", "directory", "encoding", "error", "expression", "file",
    "filename", "filter", "format", "from", "glob", "host", "id", "input", "key", "kind",
    "label", "lang", "language", "message", "method", "mode", "model", "msg", "name", "new",
    "new_string", "note", "old", "old_string", "output", "password", "patch", "path", "pattern",
    "prefix", "prompt", "query", "reason", "regex", "replace", "replacement", "role", "search",
    "separator", "source", "status", "stderr", "stdin", "stdout", "string", "suffix", "summary",
    "symbol", "target", "text", "title", "to", "token", "type", "url", "user", "uuid", "value",
    "version",
];

#[rustfmt::skip]
const COUNTS: &[&str] = &[
    "after", "amount", "attempt", "before", "column", "concurrency", "context_lines", "count",
    "delay", "depth", "duration", "end", "end_line", "exit_code", "height", "index", "interval",
    "jobs", "k", "length", "level", "limit", "line", "max", "max_tokens", "min", "n", "number",
    "offset", "page", "per_page", "pid", "port", "priority", "retries", "rows", "score", "seed",
    "size", "skip", "start", "start_line", "step", "temperature", "threads", "threshold",
    "timeout", "top_k", "top_p", "total", "width", "workers", "x", "y", "z",
];

const FLAG_BEGINNINGS: &[&str] = &[
    "allow_", "auto_", "can_", "disable_", "do_", "enable_", "has_", "ignore_", "include_", "is_",
    "no_", "only_", "should_", "show_", "skip_", "use_", "with_", "without_",
];

const COUNT_BEGINNINGS: &[&str] = &["max_", "min_", "n_", "num_", "total_"];

const COUNT_ENDINGS: &[&str] = &[
    "_at", "_bytes", "_count", "_depth", "_index", "_level", "_limit", "_line", "_ms", "_number",
    "_offset", "_port", "_retries", "_rows", "_secs", "_seconds", "_size", "_timeout", "_tokens",
    "_width",
];

const TEXT_ENDINGS: &[&str] = &[
    "_dir", "_file", "_id", "_key", "_message", "_name", "_path", "_pattern", "_query", "_string",
    "_text", "_token", "_type", "_url",
];

const LIST_ENDINGS: &[&str] = &["_ids", "_list"];
const MAP_ENDINGS: &[&str] = &["_config", "_env", "_map", "_options", "_params"];

/// What a value under `key` probably is. Names of any style are compared as `snake_case`.
pub(super) fn hint(key: &str) -> Option<Hint> {
    let key = snake_case(key);
    let is = |names: &[&str]| names.binary_search(&key.as_str()).is_ok();
    let begins = |names: &[&str]| names.iter().any(|name| key.starts_with(name));
    let ends = |names: &[&str]| names.iter().any(|name| key.ends_with(name));
    if is(FLAGS) {
        Some(Hint::Flag)
    } else if is(COUNTS) {
        Some(Hint::Count)
    } else if is(TEXTS) {
        Some(Hint::Text)
    } else if is(MAPS) || ends(MAP_ENDINGS) {
        Some(Hint::Map)
    } else if is(LISTS) || ends(LIST_ENDINGS) {
        Some(Hint::List)
    } else if begins(COUNT_BEGINNINGS) || ends(COUNT_ENDINGS) {
        Some(Hint::Count)
    } else if ends(TEXT_ENDINGS) {
        Some(Hint::Text)
    } else if is_plural(&key) {
        Some(Hint::List)
    } else if begins(FLAG_BEGINNINGS) {
        Some(Hint::Flag)
    } else {
        None
    }
}

fn is_plural(key: &str) -> bool {
    key.len() > 3
        && key.ends_with('s')
        && !["ss", "us", "is", "as"]
            .iter()
            .any(|end| key.ends_with(end))
}

/// `maxResults`, `max-results` and `MaxResults` as `max_results`.
fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    let mut after_small = false;
    for letter in key.chars().take(64) {
        if letter.is_ascii_uppercase() && after_small {
            snake.push('_');
        }
        after_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        snake.push(match letter {
            '-' | ' ' | '.' => '_',
            letter => letter.to_ascii_lowercase(),
        });
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_stand_in_the_order_that_the_search_needs() {
        for names in [MAPS, LISTS, FLAGS, TEXTS, COUNTS] {
            assert!(names.is_sorted(), "{names:?}");
        }
    }

    #[test]
    fn a_name_of_any_style_tells_what_it_names() {
        for (key, expected) in [
            ("features", Some(Hint::List)),
            ("allowedTools", Some(Hint::List)),
            ("user-ids", Some(Hint::List)),
            ("headers", Some(Hint::Map)),
            ("dryRun", Some(Hint::Flag)),
            ("is_open", Some(Hint::Flag)),
            ("max_results", Some(Hint::Count)),
            ("timeoutMs", Some(Hint::Count)),
            ("oldString", Some(Hint::Text)),
            ("class", None),
            ("status", Some(Hint::Text)),
            ("", None),
        ] {
            assert_eq!(hint(key), expected, "{key}");
        }
    }
}
