-- fit_weights: one row per joint fit and feature
-- place: 80
-- CROSS JOIN as in psm_pairs.
SELECT {target axes},
  {axes kernel joint},
  dr.feature, {measured importance}, p.key AS psm_key, jf.key AS joint_key,
  d.config_key || '.' || ja.config_key AS config_key
{joint joins}
  JOIN importance i ON i.joint_id = jf.joint_id
  CROSS JOIN direction_rows dr
WHERE dr.direction_id = d.direction_id AND dr.row_index = i.row_index
  AND {joint asked}
