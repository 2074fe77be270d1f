-- psm_results: one row per target similarity matrix, controls included
-- place: 30
SELECT {target axes},
  {measured psms}, d.label_permutation, p.key AS psm_key, t.key AS target_key, d.key AS direction_key,
  d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  {target joins}
