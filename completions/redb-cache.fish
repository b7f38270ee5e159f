# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_redb_cache_global_optspecs
    string join \n cache= lock-timeout= format= color= q/quiet v/verbose h/help V/version
end

function __fish_redb_cache_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_redb_cache_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_redb_cache_using_subcommand
    set -l cmd (__fish_redb_cache_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c redb-cache -n "__fish_redb_cache_needs_command" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_needs_command" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_needs_command" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_needs_command" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_needs_command" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -s V -l version -d 'Print version'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "inspect" -d 'Show what is in a cache: the file, a table, or a row'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "stats" -d 'Show the size of a cache, its activity, its limits, and what would improve it'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "health" -d 'Check whether a cache needs attention'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "sweep" -d 'Remove expired rows, and those over the limits, oldest access first'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "clear" -d 'Remove rows: of all tables that a rebuild brings back, or of those named'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "compact" -d 'Give unused space back to the file system'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "migrate" -d 'Bring a cache of any release of do-memory to the current layout'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "repair" -d 'Repair a damaged cache, or save what is left of it'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "rebuild" -d 'Make the cache anew from the durable store'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "diff" -d 'Compare the cache with the durable store'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "export" -d 'Write the rows as JSON Lines to standard output'
complete -c redb-cache -n "__fish_redb_cache_needs_command" -f -a "demo" -d 'Build a small cache in a folder and walk through the verbs on it'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l limit -d 'Show this many keys at most; 0 shows all' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l prefix -d 'Only keys that begin with this' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l largest -d 'The N largest rows, the largest first' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l exact -d 'Look at every row to tell layouts, oldest and newest, not at the first 1000 of each table'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l expired -d 'Only rows that have expired and are not cleaned yet'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l raw -d 'The value\'s bytes instead of JSON, inflated if they are compressed'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -l hex -d 'The value\'s bytes as a hexadecimal dump'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -l watch -d 'Show them again after this time, until interrupted' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -l exact -d 'Count every row instead of trusting what the file records about itself'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l max-reclaimable -d 'Attention if compact would give back more than this share of the file' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l max-expired -d 'Attention if more rows than this have expired and are not cleaned' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l min-free -d 'Attention if the disk has less room than this' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l max-sweep-age -d 'Attention if the last sweep is longer ago; not checked where none is recorded' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -l deep -d 'Also verify every page and decode every row'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand health" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l ttl -d 'Expire rows that were written longer ago than this; a bare number is seconds' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l max-entries -d 'Keep this many episodes at most' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l max-size -d 'Keep this many bytes of rows at most' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l batch -d 'Remove this many rows in one transaction' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -s n -l dry-run -d 'Show what would go and why, and remove nothing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand sweep" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l table -d 'These tables' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l prefix -d 'Only rows whose key begins with this' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l backup -d 'Keep a copy of the cache here; the file must not exist yet' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l all -d 'Every table that a rebuild brings back'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -l expired -d 'Only rows that have expired'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -s n -l dry-run -d 'Show what would go, and remove nothing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -s y -l yes -d 'Do not ask'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand clear" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l min-reclaim -d 'Do nothing unless this much is given back' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l recompress -d 'Also compress every row at this level (0-9), or store it plainly with `off`' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l backup -d 'Keep the original here; the file must not exist yet' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -s n -l dry-run -d 'Show what would be given back, and change nothing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l output -d 'Write the migrated cache here and leave the original alone; the file must not exist yet' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l backup -d 'Keep the original here instead of beside the cache; with --rollback, put this one back' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l quarantine -d 'Where rows are set aside, as a cache of their own; <name>.quarantine-<number> beside the cache unless given' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l from -d 'The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file, which is only ever read' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l auth-token-file -d 'Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless given' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l timeout -d 'How long to wait for a connection, and for each answer' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l retries -d 'How often to try again what may pass' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l from-bincode -d 'Expect rows of do-memory 0.1.6 or earlier, and warn if there are none'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l no-backup -d 'Do not keep the original'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l skip-bad -d 'Set rows aside that cannot be read in any layout, instead of refusing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l consult -d 'Let the durable store settle parameters of steps that the cache\'s bytes leave open'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l insecure -d 'Allow http:// to other machines, where everybody on the way reads the token'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -l rollback -d 'Put the backup of the last migration back; the migrated cache is kept beside it as <name>.migrated-<number>'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -s n -l dry-run -d 'Show what would be done, and write nothing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -s y -l yes -d 'Do not ask'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l salvage -d 'Copy what is left into a new cache here, and leave the original alone; the file must not exist yet' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l backup -d 'Keep the original here instead of beside the cache; the file must not exist yet' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -l no-backup -d 'Do not keep the original'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -s n -l dry-run -d 'Show what would be done, and write nothing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -s y -l yes -d 'Do not ask'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l from -d 'The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file, which is only ever read' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l auth-token-file -d 'Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless given' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l timeout -d 'How long to wait for a connection, and for each answer' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l retries -d 'How often to try again what may pass' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l max-entries -d 'Keep this many episodes, the newest; what the cache recorded unless given' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l ttl -d 'Let rows expire so long after now; what the cache recorded unless given' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l since -d 'Only episodes that changed since then, and what hangs on them: 2026-01-31, or 30d ago' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l table -d 'Only these tables; the others stay as they are in the cache' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l backup -d 'Keep the old cache here instead of beside' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l insecure -d 'Allow http:// to other machines, where everybody on the way reads the token'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l all -d 'Keep all episodes, whatever limit is set'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l only-missing -d 'Leave the cache in place and add what it misses'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l only-stale -d 'Leave the cache in place and renew what changed in the store since'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l resume -d 'Go on where a rebuild stopped when the store could not be read any more'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -l no-backup -d 'Do not keep the old cache'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -s n -l dry-run -d 'Show what is there and how long it would take, and write nothing'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -s y -l yes -d 'Do not ask'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand rebuild" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l from -d 'The durable store: a libsql://, https:// or (on this machine) http:// address, or a database file, which is only ever read' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l auth-token-file -d 'Read the token from this file, or from standard input if it is -; TURSO_AUTH_TOKEN unless given' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l timeout -d 'How long to wait for a connection, and for each answer' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l retries -d 'How often to try again what may pass' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l table -d 'Only these tables' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l sample -d 'Compare only so many rows of each table, or such a share of them' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -l insecure -d 'Allow http:// to other machines, where everybody on the way reads the token'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -l undecodable -d 'What becomes of a row that does not decode' -r -f -a "skip\t'It is named on stderr and left out'
base64\t'Its value is written as {"base64":"..."}, inflated if it is compressed'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -l all -d 'Also write what this program keeps for itself: statistics and what it knows about each row'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -l cache -d 'The cache file' -r -F
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -l lock-timeout -d 'How long to wait for a cache that is in use: 0s, 500ms, 1m' -r
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -l format -d 'The form of the result' -r -f -a "table\t'Tables for people'
json\t'One JSON document for programs'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -l color -d 'When to use colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -s q -l quiet -d 'Only results, warnings and errors: no progress, advice or summaries'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -s v -l verbose -d 'Say on stderr what is being done'
complete -c redb-cache -n "__fish_redb_cache_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
