#!/usr/bin/env bash
# Gives a new revision 5 % of the traffic for ten minutes and takes it back when its errors rise.
set -euo pipefail
service=$1
image=$2
region=europe-west3

before=$(gcloud run services describe "$service" --region "$region" --format 'value(status.latestReadyRevisionName)')
gcloud run deploy "$service" --region "$region" --image "$image" --no-traffic --tag canary
gcloud run services update-traffic "$service" --region "$region" --to-tags canary=5
sleep 600
if ! ./scripts/errors-below.sh "$service" 0.5; then
  gcloud run services update-traffic "$service" --region "$region" --to-revisions "$before=100"
  exit 1
fi
gcloud run services update-traffic "$service" --region "$region" --to-latest
