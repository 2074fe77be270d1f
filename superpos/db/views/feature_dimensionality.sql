-- feature_dimensionality: one row per target matrix of cosines (controls too) and feature
-- place: 64
SELECT {target axes},
  r.feature, {measured target_features}, p.key AS psm_key, t.key AS target_key, d.config_key
FROM current_studies s
  JOIN study_targets x ON x.study_id = s.study_id
  {target joins}
  JOIN target_features tf ON tf.target_id = t.target_id
  JOIN direction_rows r ON r.direction_id = d.direction_id AND r.row_index = tf.row_index
