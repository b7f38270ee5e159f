
use builtin;
use str;

set edit:completion:arg-completer[redb-cache] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'redb-cache'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'redb-cache'= {
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand inspect 'Show what is in a cache: the file, a table, or a row'
            cand stats 'Show the size of a cache, its activity, its limits, and what would improve it'
            cand health 'Check whether a cache needs attention'
            cand sweep 'Remove expired rows, and those over the limits, oldest access first'
            cand clear 'Remove rows: of all tables that a rebuild brings back, or of those named'
            cand compact 'Give unused space back to the file system'
            cand migrate 'Bring a cache of any release of do-memory to the current layout'
            cand export 'Write the rows as JSON Lines to standard output'
            cand demo 'Build a small cache in a folder and walk through the verbs on it'
        }
        &'redb-cache;inspect'= {
            cand --limit 'Show this many keys at most; 0 shows all'
            cand --prefix 'Only keys that begin with this'
            cand --largest 'The N largest rows, the largest first'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand --exact 'Look at every row to tell layouts, oldest and newest, not at the first 1000 of each table'
            cand --expired 'Only rows that have expired and are not cleaned yet'
            cand --raw 'The value''s bytes instead of JSON, inflated if they are compressed'
            cand --hex 'The value''s bytes as a hexadecimal dump'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;stats'= {
            cand --watch 'Show them again after this time, until interrupted'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand --exact 'Count every row instead of trusting what the file records about itself'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;health'= {
            cand --max-reclaimable 'Attention if compact would give back more than this share of the file'
            cand --max-expired 'Attention if more rows than this have expired and are not cleaned'
            cand --min-free 'Attention if the disk has less room than this'
            cand --max-sweep-age 'Attention if the last sweep is longer ago; not checked where none is recorded'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand --deep 'Also verify every page and decode every row'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;sweep'= {
            cand --ttl 'Expire rows that were written longer ago than this; a bare number is seconds'
            cand --max-entries 'Keep this many episodes at most'
            cand --max-size 'Keep this many bytes of rows at most'
            cand --batch 'Remove this many rows in one transaction'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand -n 'Show what would go and why, and remove nothing'
            cand --dry-run 'Show what would go and why, and remove nothing'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;clear'= {
            cand --table 'These tables'
            cand --prefix 'Only rows whose key begins with this'
            cand --backup 'Keep a copy of the cache here; the file must not exist yet'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand --all 'Every table that a rebuild brings back'
            cand --expired 'Only rows that have expired'
            cand -n 'Show what would go, and remove nothing'
            cand --dry-run 'Show what would go, and remove nothing'
            cand -y 'Do not ask'
            cand --yes 'Do not ask'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;compact'= {
            cand --min-reclaim 'Do nothing unless this much is given back'
            cand --recompress 'Also compress every row at this level (0-9), or store it plainly with `off`'
            cand --backup 'Keep the original here; the file must not exist yet'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand -n 'Show what would be given back, and change nothing'
            cand --dry-run 'Show what would be given back, and change nothing'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;migrate'= {
            cand --output 'Write the migrated cache here and leave the original alone; the file must not exist yet'
            cand --backup 'Keep the original here instead of beside the cache; with --rollback, put this one back'
            cand --quarantine 'Where rows are set aside, as a cache of their own; <name>.quarantine-<number> beside the cache unless given'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand --from-bincode 'Expect rows of do-memory 0.1.6 or earlier, and warn if there are none'
            cand --no-backup 'Do not keep the original'
            cand --skip-bad 'Set rows aside that cannot be read in any layout, instead of refusing'
            cand --rollback 'Put the backup of the last migration back; the migrated cache is kept beside it as <name>.migrated-<number>'
            cand -n 'Show what would be done, and write nothing'
            cand --dry-run 'Show what would be done, and write nothing'
            cand -y 'Do not ask'
            cand --yes 'Do not ask'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;export'= {
            cand --undecodable 'What becomes of a row that does not decode'
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand --all 'Also write what this program keeps for itself: statistics and what it knows about each row'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'redb-cache;demo'= {
            cand --cache 'The cache file'
            cand --lock-timeout 'How long to wait for a cache that is in use: 0s, 500ms, 1m'
            cand --format 'The form of the result'
            cand --color 'When to use colours'
            cand -q 'Only results, warnings and errors: no progress, advice or summaries'
            cand --quiet 'Only results, warnings and errors: no progress, advice or summaries'
            cand -v 'Say on stderr what is being done'
            cand --verbose 'Say on stderr what is being done'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
