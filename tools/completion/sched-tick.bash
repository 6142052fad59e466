# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of sched-tick(8) for bash: commands, options, columns, settings with their values, and names of tickers.

_sched_tick_tickers() {
    sched-tick list --raw --noheadings --output name 2> /dev/null
}

# $1: the command; $2: the list of columns typed so far. Offer it with one more column.
_sched_tick_columns() {
    local typed='' column names
    names='NAME ENABLED PERIOD CPUS TICKS MISSED STALLS MEAN P99 MAX TIMER-MEAN TIMER-P99 TIMER-MAX'
    [ "$1" = record ] && names='NAME OVERDUE CONTEXT COMM PID FUNCTION TICKER CPU SIZE'
    [ "$1" = show ] && names='CPU TICKS MISSED STALLS MEAN P99 MAX TIMER-MEAN TIMER-P99 TIMER-MAX'
    [ "$1" = stalls ] && names='TIME TICKER CPU OVERDUE HOW CULPRIT FUNCTION CONTEXT COMM PID'
    shift
    [[ $1 == *,* ]] && typed=${1%,*},
    [[ $1 == +* && -z $typed ]] && typed=+
    for column in $names; do
        # Columns may be typed in lower case.
        if [[ ${1#"$typed"} == [a-z]* ]]; then column=${column,,}; fi
        echo "$typed$column"
    done
}

# $1: the word typed so far.
_sched_tick_settings() {
    case $1 in
    timer=*) echo timer={hrtimer,wheel} ;;
    clock=*) echo clock={monotonic,boottime,realtime} ;;
    cpus=*) echo cpus={any,all,housekeeping} ;;
    queue=*) echo queue={highpri,normal,unbound,bh} ;;
    phase=*) echo phase=none ;;
    stall=*) echo stall=off ;;
    notify=*) echo notify={yes,no} ;;
    enabled=*) echo enabled={yes,no} ;;
    *=*) ;;
    *) echo {period,phase,timer,clock,cpus,queue,notify,stall,enabled}= ;;
    esac
}

_sched_tick_options() {
    case $1 in
    list) echo --json --noheadings --output --raw ;;
    show) echo --json --noheadings --output --percpu --raw --settings ;;
    wait) echo --count ;;
    watch) echo --batch --count --delay --json --noheadings --output --raw ;;
    check)
        echo --json --max-late --max-missed --nagios --noheadings --quiet --raw --since-start --state-dir --threshold --wait
        ;;
    stalls) echo --json --noheadings --output --raw --since --stack ;;
    record) echo --buffer-kb --json --noheadings --output --raw ;;
    export) echo --file ;;
    apply) echo --quiet ;;
    esac
    echo --help --version
}

_sched_tick() {
    local line=${COMP_LINE:0:COMP_POINT} words word previous command choices=''
    # bash splits words at "=", too.
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    word=${words[-1]} previous=${words[-2]} command=${words[1]}
    COMPREPLY=()
    if [ "${#words[@]}" = 2 ]; then
        choices='list show create set delete wait watch check stalls record export apply help --help --version'
    else
        case $command,$previous,$word in
        list,-o,* | list,--output,* | show,-o,* | show,--output,* | watch,-o,* | watch,--output,* | stalls,-o,* | stalls,--output,* \
            | record,-o,* | record,--output,*)
            choices=$(_sched_tick_columns "$command" "$word")
            compopt -o nospace
            ;;
        list,*,--output=* | show,*,--output=* | watch,*,--output=* | stalls,*,--output=* | record,*,--output=*)
            choices=$(_sched_tick_columns "$command" "${word#*=}" | sed 's/^/--output=/')
            compopt -o nospace
            ;;
        stalls,--since,*) ;;
        check,--state-dir,*) compopt -o dirnames ;;
        export,-f,* | export,--file,*) compopt -o default ;;
        record,--buffer-kb,*) ;;
        record,record,[!-]* | record,record,) choices='start save list show stop' ;;
        record,save,*) choices=$(_sched_tick_tickers) ;;
        record,show,[!-]* | record,show,) choices=$(sched-tick record list --raw --noheadings --output name 2> /dev/null) ;;
        wait,-c,* | wait,--count,* | watch,-[cd],* | watch,--count,* | watch,--delay,*) ;;
        check,-[lmtw],* | check,--max-late,* | check,--max-missed,* | check,--threshold,* | check,--wait,*) ;;
        *,*,-*) choices=$(_sched_tick_options "$command") ;;
        help,*) choices='list show create set delete wait watch check stalls record export apply' ;;
        list,* | show,* | wait,* | watch,* | check,* | stalls,*) choices=$(_sched_tick_tickers) ;;
        delete,*) choices=$(_sched_tick_tickers | grep -vx default) ;;
        set,*)
            if [ "${#words[@]}" = 3 ]; then
                choices=$(_sched_tick_tickers)
            else
                [[ $word == *=* ]] || compopt -o nospace
                choices=$(_sched_tick_settings "$word")
            fi
            ;;
        create,*)
            if [ "${#words[@]}" -gt 3 ]; then
                [[ $word == *=* ]] || compopt -o nospace
                choices=$(_sched_tick_settings "$word")
            fi
            ;;
        apply,*) compopt -o default ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
    # What bash replaces begins after the last "=".
    if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
    fi
}

complete -F _sched_tick sched-tick
