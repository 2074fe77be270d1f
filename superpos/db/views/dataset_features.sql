-- dataset_features: one row per feature of a data set
-- place: 120
SELECT {axes study dataset}, ds.builder, {measured datasets}, fe.feature_index, fe.feature, fe.n_positive,
  fe.n_negative, fe.status, fe.duplicate_of, fe.example, ds.key AS dataset_key
FROM current_studies s
  JOIN study_datasets sd ON sd.study_id = s.study_id
  JOIN datasets ds ON ds.dataset_id = sd.dataset_id
  JOIN features fe ON fe.dataset_id = ds.dataset_id
