
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'redb-cache' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'redb-cache'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'redb-cache' {
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show what is in a cache: the file, a table, or a row')
            [CompletionResult]::new('stats', 'stats', [CompletionResultType]::ParameterValue, 'Show the size of a cache, its activity, its limits, and what would improve it')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Check whether a cache needs attention')
            [CompletionResult]::new('sweep', 'sweep', [CompletionResultType]::ParameterValue, 'Remove expired rows, and those over the limits, oldest access first')
            [CompletionResult]::new('clear', 'clear', [CompletionResultType]::ParameterValue, 'Remove rows: of all tables that a rebuild brings back, or of those named')
            [CompletionResult]::new('compact', 'compact', [CompletionResultType]::ParameterValue, 'Give unused space back to the file system')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Bring a cache of any release of do-memory to the current layout')
            [CompletionResult]::new('repair', 'repair', [CompletionResultType]::ParameterValue, 'Repair a damaged cache, or save what is left of it')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Make the cache anew from the durable store')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare the cache with the durable store')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the rows as JSON Lines to standard output')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Build a small cache in a folder and walk through the verbs on it')
            break
        }
        'redb-cache;inspect' {
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Show this many keys at most; 0 shows all')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Only keys that begin with this')
            [CompletionResult]::new('--largest', '--largest', [CompletionResultType]::ParameterName, 'The N largest rows, the largest first')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'Look at every row to tell layouts, oldest and newest, not at the first 1000 of each table')
            [CompletionResult]::new('--expired', '--expired', [CompletionResultType]::ParameterName, 'Only rows that have expired and are not cleaned yet')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'The value''s bytes instead of JSON, inflated if they are compressed')
            [CompletionResult]::new('--hex', '--hex', [CompletionResultType]::ParameterName, 'The value''s bytes as a hexadecimal dump')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;stats' {
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Show them again after this time, until interrupted')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--exact', '--exact', [CompletionResultType]::ParameterName, 'Count every row instead of trusting what the file records about itself')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;health' {
            [CompletionResult]::new('--max-reclaimable', '--max-reclaimable', [CompletionResultType]::ParameterName, 'Attention if compact would give back more than this share of the file')
            [CompletionResult]::new('--max-expired', '--max-expired', [CompletionResultType]::ParameterName, 'Attention if more rows than this have expired and are not cleaned')
            [CompletionResult]::new('--min-free', '--min-free', [CompletionResultType]::ParameterName, 'Attention if the disk has less room than this')
            [CompletionResult]::new('--max-sweep-age', '--max-sweep-age', [CompletionResultType]::ParameterName, 'Attention if the last sweep is longer ago; not checked where none is recorded')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--deep', '--deep', [CompletionResultType]::ParameterName, 'Also verify every page and decode every row')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;sweep' {
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Expire rows that were written longer ago than this; a bare number is seconds')
            [CompletionResult]::new('--max-entries', '--max-entries', [CompletionResultType]::ParameterName, 'Keep this many episodes at most')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Keep this many bytes of rows at most')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Remove this many rows in one transaction')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would go and why, and remove nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would go and why, and remove nothing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;clear' {
            [CompletionResult]::new('--table', '--table', [CompletionResultType]::ParameterName, 'These tables')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Only rows whose key begins with this')
            [CompletionResult]::new('--backup', '--backup', [CompletionResultType]::ParameterName, 'Keep a copy of the cache here; the file must not exist yet')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every table that a rebuild brings back')
            [CompletionResult]::new('--expired', '--expired', [CompletionResultType]::ParameterName, 'Only rows that have expired')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would go, and remove nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would go, and remove nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;compact' {
            [CompletionResult]::new('--min-reclaim', '--min-reclaim', [CompletionResultType]::ParameterName, 'Do nothing unless this much is given back')
            [CompletionResult]::new('--recompress', '--recompress', [CompletionResultType]::ParameterName, 'Also compress every row at this level (0-9), or store it plainly with `off`')
            [CompletionResult]::new('--backup', '--backup', [CompletionResultType]::ParameterName, 'Keep the original here; the file must not exist yet')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would be given back, and change nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be given back, and change nothing')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;migrate' {
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the migrated cache here and leave the original alone; the file must not exist yet')
            [CompletionResult]::new('--backup', '--backup', [CompletionResultType]::ParameterName, 'Keep the original here instead of beside the cache; with --rollback, put this one back')
            [CompletionResult]::new('--quarantine', '--quarantine', [CompletionResultType]::ParameterName, 'Where rows are set aside, as a cache of their own; <name>.quarantine-<number> beside the cache unless given')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file, which is only ever read')
            [CompletionResult]::new('--auth-token-file', '--auth-token-file', [CompletionResultType]::ParameterName, 'Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless given')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for a connection, and for each answer')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often to try again what may pass')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--from-bincode', '--from-bincode', [CompletionResultType]::ParameterName, 'Expect rows of do-memory 0.1.6 or earlier, and warn if there are none')
            [CompletionResult]::new('--no-backup', '--no-backup', [CompletionResultType]::ParameterName, 'Do not keep the original')
            [CompletionResult]::new('--skip-bad', '--skip-bad', [CompletionResultType]::ParameterName, 'Set rows aside that cannot be read in any layout, instead of refusing')
            [CompletionResult]::new('--consult', '--consult', [CompletionResultType]::ParameterName, 'Let the durable store settle parameters of steps that the cache''s bytes leave open')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Allow http:// to other machines, where everybody on the way reads the token')
            [CompletionResult]::new('--rollback', '--rollback', [CompletionResultType]::ParameterName, 'Put the backup of the last migration back; the migrated cache is kept beside it as <name>.migrated-<number>')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would be done, and write nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, and write nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;repair' {
            [CompletionResult]::new('--salvage', '--salvage', [CompletionResultType]::ParameterName, 'Copy what is left into a new cache here, and leave the original alone; the file must not exist yet')
            [CompletionResult]::new('--backup', '--backup', [CompletionResultType]::ParameterName, 'Keep the original here instead of beside the cache; the file must not exist yet')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--no-backup', '--no-backup', [CompletionResultType]::ParameterName, 'Do not keep the original')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would be done, and write nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, and write nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;rebuild' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file, which is only ever read')
            [CompletionResult]::new('--auth-token-file', '--auth-token-file', [CompletionResultType]::ParameterName, 'Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless given')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for a connection, and for each answer')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often to try again what may pass')
            [CompletionResult]::new('--max-entries', '--max-entries', [CompletionResultType]::ParameterName, 'Keep this many episodes, the newest; what the cache recorded unless given')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Let rows expire so long after now; what the cache recorded unless given')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only episodes that changed since then, and what hangs on them: 2026-01-31, or 30d ago')
            [CompletionResult]::new('--table', '--table', [CompletionResultType]::ParameterName, 'Only these tables; the others stay as they are in the cache')
            [CompletionResult]::new('--backup', '--backup', [CompletionResultType]::ParameterName, 'Keep the old cache here instead of beside')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Allow http:// to other machines, where everybody on the way reads the token')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Keep all episodes, whatever limit is set')
            [CompletionResult]::new('--only-missing', '--only-missing', [CompletionResultType]::ParameterName, 'Leave the cache in place and add what it misses')
            [CompletionResult]::new('--only-stale', '--only-stale', [CompletionResultType]::ParameterName, 'Leave the cache in place and renew what changed in the store since')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Go on where a rebuild stopped when the store could not be read any more')
            [CompletionResult]::new('--no-backup', '--no-backup', [CompletionResultType]::ParameterName, 'Do not keep the old cache')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what is there and how long it would take, and write nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what is there and how long it would take, and write nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;diff' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file, which is only ever read')
            [CompletionResult]::new('--auth-token-file', '--auth-token-file', [CompletionResultType]::ParameterName, 'Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless given')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for a connection, and for each answer')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often to try again what may pass')
            [CompletionResult]::new('--table', '--table', [CompletionResultType]::ParameterName, 'Only these tables')
            [CompletionResult]::new('--sample', '--sample', [CompletionResultType]::ParameterName, 'Compare only so many rows of each table, or such a share of them')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Allow http:// to other machines, where everybody on the way reads the token')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;export' {
            [CompletionResult]::new('--undecodable', '--undecodable', [CompletionResultType]::ParameterName, 'What becomes of a row that does not decode')
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also write what this program keeps for itself: statistics and what it knows about each row')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'redb-cache;demo' {
            [CompletionResult]::new('--cache', '--cache', [CompletionResultType]::ParameterName, 'The cache file')
            [CompletionResult]::new('--lock-timeout', '--lock-timeout', [CompletionResultType]::ParameterName, 'How long to wait for a cache that is in use: 0s, 500ms, 1m')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'The form of the result')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors: no progress, advice or summaries')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say on stderr what is being done')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
