-- psm_pairs: one row per pair of features of a `features` matrix
-- place: 40
-- Names of rows are joined by CROSS JOIN, which SQLite does not reorder: it would read the rows of every set
-- before it knows which.
SELECT {target axes},
  ra.feature AS feature_a, rb.feature AS feature_b, {measured psm_entries}, p.key AS psm_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  {target joins}
  JOIN psm_entries e ON e.psm_id = p.psm_id
  CROSS JOIN direction_rows ra
  CROSS JOIN direction_rows rb
WHERE ra.direction_id = d.direction_id AND ra.row_index = e.row_a
  AND rb.direction_id = d.direction_id AND rb.row_index = e.row_b AND t.kind = 'features'
