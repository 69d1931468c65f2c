#!/usr/bin/env bash
# Whether the share of failed requests of the canary is below the second argument, in hundredths.
set -euo pipefail
query="100 * sum(rate(run_googleapis_com:request_count{service_name=\"$1\",response_code_class=\"5xx\"}[5m])) / sum(rate(run_googleapis_com:request_count{service_name=\"$1\"}[5m]))"
value=$(curl --fail --max-time 20 --silent --get --data-urlencode "query=$query" "$PROMETHEUS_URL/api/v1/query" | jq -r '.data.result[0].value[1] // "0"')
awk -v value="$value" -v limit="$2" 'BEGIN { exit !(value < limit) }'
