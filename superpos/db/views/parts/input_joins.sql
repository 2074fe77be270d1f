-- What directions `d` of a study `s` rest on. Imported ones have no model: its axes are empty then.
-- The plus keeps SQLite, which knows no sizes, from trying all directions of a data set with every target.
JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = +d.dataset_id
LEFT JOIN models m ON m.model_id = d.model_id
LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id
