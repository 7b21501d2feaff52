-- SPDX-License-Identifier: Apache-2.0
--
-- The events of the Collector's file (or of `--output file:PATH`), for DuckDB (tried with 1.5):
--
--   AGENTSMITH_FILE=agentsmith-events.jsonl duckdb -init examples/duckdb/events.sql
--
-- AGENTSMITH_FILE may be a pattern ('*.jsonl'). A row of `events` is a record: its time (UTC), event, severity, line for
-- people, host, and in `a` the attributes by name, all of them text, arrays as JSON: a['process.pid'].

CREATE MACRO plain(v) AS coalesce(
  v->>'$.stringValue', v->>'$.intValue', v->>'$.doubleValue', v->>'$.boolValue',
  CAST(to_json(list_transform(
    CAST(v->'$.arrayValue.values' AS JSON[]),
    lambda e: coalesce(e->>'$.stringValue', e->>'$.intValue', e->>'$.doubleValue', e->>'$.boolValue')
  )) AS VARCHAR)
);

CREATE MACRO attributes(list) AS map_from_entries(list_transform(
  CAST(list AS JSON[]),
  lambda each: struct_pack(key := each->>'$.key', value := plain(each->'$.value'))
));

CREATE VIEW events AS
WITH
  -- Lines with metrics have no resourceLogs.
  requests AS (
    FROM read_json(
      getenv('AGENTSMITH_FILE'),
      format = 'newline_delimited',
      columns = {resourceLogs: 'JSON[]'},
      maximum_object_size = 67108864
    )
  ),
  resources AS (SELECT unnest(resourceLogs) AS r FROM requests),
  scopes AS (
    SELECT attributes(r->'$.resource.attributes') AS resource, unnest(CAST(r->'$.scopeLogs' AS JSON[])) AS s
    FROM resources
  ),
  records AS (SELECT resource, unnest(CAST(s->'$.logRecords' AS JSON[])) AS l FROM scopes)
SELECT
  make_timestamp_ns(CAST(l->>'$.timeUnixNano' AS BIGINT)) AS time,
  l->>'$.eventName' AS event,
  CAST(l->>'$.severityNumber' AS INTEGER) AS severity,
  l->>'$.body.stringValue' AS body,
  resource['host.name'] AS host,
  attributes(l->'$.attributes') AS a
FROM records;
