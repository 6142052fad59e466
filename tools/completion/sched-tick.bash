# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Completion of sched-tick(8) for bash: commands, options, settings, and the tickers that are there.

_sched_tick_tickers() {
    sched-tick list --raw --noheadings --output name 2> /dev/null
}

_sched_tick() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words
    if [ "$COMP_CWORD" = 1 ]; then
        words='list show create set delete wait watch check export apply --help --version'
    elif [[ $word == -* ]]; then
        case $command in
        list) words='--help --json --raw --noheadings --output' ;;
        show) words='--help --json --raw' ;;
        wait) words='--help --count' ;;
        watch) words='--help --batch --delay --count --json --raw --noheadings --output' ;;
        check) words='--help --lateness --late --missed --wait --quiet --nagios --json --raw --noheadings' ;;
        export) words='--help --output' ;;
        apply) words='--help --quiet' ;;
        *) words='--help' ;;
        esac
    else
        case $command in
        list | show | wait | watch | check) words=$(_sched_tick_tickers) ;;
        delete) words=$(_sched_tick_tickers | grep -vx default) ;;
        set | create)
            if [ "$COMP_CWORD" = 2 ]; then
                [ "$command" = set ] && words=$(_sched_tick_tickers)
            else
                compopt -o nospace
                words='period= phase= timer= clock= cpu= notify= stall= enabled='
            fi
            ;;
        export | apply) compopt -o default ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _sched_tick sched-tick
