#!/bin/sh
# Restores the last backup into a scratch directory, starts it and counts the tickets.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pgbackrest --stanza=helpdesk --pg1-path="$scratch" restore
pg_ctl --pgdata "$scratch" --options "-p 5499" --wait --timeout 120 start
tickets=$(psql --port 5499 --tuples-only --command 'SELECT count(*) FROM tickets' helpdesk)
pg_ctl --pgdata "$scratch" --mode fast stop
[ "$tickets" -gt 0 ]
