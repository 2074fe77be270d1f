"""SQL of the views of schema revision 0004; SQLite and PostgreSQL run the same text.

Every view has one row per (study, target, result) and shows the newest revision of each study. The factors of
a block are joined by their integer ids, so a filter on `study` reads that study's blocks only. Imported
directions have no model: its axes are empty then. Names of rows are joined by CROSS JOIN, which SQLite does not
reorder: it would read the rows of every set before it knows which.
"""

from __future__ import annotations

MODEL_AXES = (
    "COALESCE(sm.name, '') AS model, COALESCE(m.revision, '') AS revision,"
    " COALESCE(m.weights, '') AS model_weights, COALESCE(m.seed, -1) AS model_seed"
)
DATA_AXES = "sd.name AS dataset, sd.corpus AS corpus"
INPUT_AXES = f"s.name AS study, {MODEL_AXES}, {DATA_AXES}, d.hookpoint, d.layer, d.pooling"
D_HOOK = "COALESCE(d.d_hook, 0) AS d_hook"
PSM_SIZE = f"p.n_features, {D_HOOK}"
DIRECTION_AXES = 'd.method, d."probe_C", d.split_seed'
TARGET_AXES = "t.space, t.kind AS target, t.replicate, t.similarity, t.rbf_scale, p.rbf_scale_resolved"
JOINT_AXES = (
    "ja.energy, ja.s, ja.kernel, ja.self_energy, ja.softening, ja.gauge, ja.importance_mode,"
    " ja.joint_polish,"
    " ja.n_dims, ja.lambda_d, ja.restart, ja.backend"
)
FIT_AXES = "fa.optimiser, fa.lambda_x, fa.sigma, fa.sigma_rule, fa.trial"
JOINT_CONFIG = "d.config_key || '.' || ja.config_key AS config_key"
FIT_CONFIG = "d.config_key || '.' || ja.config_key || '.' || fa.config_key AS config_key"

PAIR_AXES = (
    "q.study, q.model, q.revision, q.model_weights, q.model_seed, q.dataset, q.corpus, q.hookpoint, q.pooling,"
    ' q.method, q."probe_C", q.split_seed, q.space, q.feature_a, q.feature_b, q.config_key'
)

INPUT_JOINS = """
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = d.dataset_id
  LEFT JOIN models m ON m.model_id = d.model_id
  LEFT JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = d.model_id"""
TARGET_JOINS = f"""
  JOIN targets t ON t.target_id = x.target_id
  JOIN psms p ON p.psm_id = t.psm_id
  JOIN direction_sets d ON d.direction_id = t.direction_id{INPUT_JOINS}"""

FIT_COLUMNS = """
  jf.distance AS distance_joint, f.distance_start, f.distance_final, f.distance_moved, f.distance_drift,
  f.distance_return, f.distance_simplex, f.distance_identity, f.distance_polish, f.recovery, f.angle,
  f.rms_final, jf.fun AS fun_joint, jf.energy AS energy_joint, f.energy_start, f.energy_final, f.fun,
  f.norm_error, f.nit, f.nfev, f.relative_gradient, f.min_eigenvalue, f.n_negative, f.n_zero, f.verdict,
  f.verdict_polished, jf.verdict AS verdict_joint, jf.status AS status_joint, f.status, f.seconds"""
FIT_KEYS = "p.key AS psm_key, jf.key AS joint_key, jf.key || '.' || fa.key AS fit_key, t.key AS target_key"

STAGE_ROWS = {
    "datasets": "study_datasets x JOIN datasets r ON r.dataset_id = x.dataset_id",
    "activations": """
  (SELECT DISTINCT sd.study_id, d.activation_id FROM study_directions sd
   JOIN direction_sets d ON d.direction_id = sd.direction_id) x
  JOIN activation_sets r ON r.activation_id = x.activation_id""",
    "probes": "study_directions x JOIN direction_sets r ON r.direction_id = x.direction_id",
    "psms": "study_targets x JOIN targets r ON r.target_id = x.target_id",
}
ON_REQUEST = {
    "whitening": """
  (SELECT DISTINCT st.study_id, d.direction_id, d.key, d.status,
     CASE WHEN d.coef_whitened IS NULL THEN 0 ELSE 1 END AS made
   FROM study_targets st JOIN targets t ON t.target_id = st.target_id
     JOIN direction_sets d ON d.direction_id = t.direction_id
   WHERE t.space = 'whitened')""",
    "ceilings": """
  (SELECT st.study_id, t.target_id, d.key, t.status,
     CASE WHEN p.n_resamples >= s.noise_ceiling AND p.ceiling_method = 'bias_t' THEN 1 ELSE 0 END AS made
   FROM current_studies c JOIN studies s ON s.study_id = c.study_id
     JOIN study_targets st ON st.study_id = s.study_id
     JOIN targets t ON t.target_id = st.target_id
     JOIN direction_sets d ON d.direction_id = t.direction_id
     LEFT JOIN psms p ON p.psm_id = t.psm_id
   WHERE s.noise_ceiling > 0 AND t.kind = 'features' AND d.activation_id IS NOT NULL
     AND d.label_replicate = -1)""",
}
"""What is made of probes on request: a row a probe set, or a target of the features; keys are of probe sets."""
COUNTS = ("planned", "done", "failed", "quarantined", "not_applicable")
CURRENT_BLOCKS = "current_studies c JOIN blocks b ON b.study_id = c.study_id"
STORED_CELLS = """JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
  JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id"""
PROGRESS = (
    *(
        f"""SELECT x.study_id, '{stage}' AS stage, COUNT(*) AS planned,
  SUM(CASE WHEN r.status = 'done' THEN 1 ELSE 0 END) AS done, 0 AS failed, 0 AS quarantined,
  SUM(CASE WHEN r.status = 'not_applicable' THEN 1 ELSE 0 END) AS not_applicable
FROM {rows} GROUP BY x.study_id"""
        for stage, rows in STAGE_ROWS.items()
    ),
    *(
        f"""SELECT x.study_id, '{stage}', 0, 0, SUM(1 - cf.quarantined), SUM(cf.quarantined), 0
FROM {rows} JOIN cell_failures cf ON cf.stage = '{stage}' AND cf.key = r.key GROUP BY x.study_id"""
        for stage, rows in STAGE_ROWS.items()
    ),
    *(
        f"""SELECT x.study_id, '{stage}', COUNT(*), SUM(x.made), 0, 0,
  SUM(CASE WHEN x.status = 'not_applicable' THEN 1 ELSE 0 END)
FROM {rows} x GROUP BY x.study_id"""
        for stage, rows in ON_REQUEST.items()
    ),
    *(
        f"""SELECT x.study_id, '{stage}', 0, 0, SUM(1 - cf.quarantined), SUM(cf.quarantined), 0
FROM {rows} x JOIN cell_failures cf ON cf.stage = '{stage}' AND cf.key = x.key
WHERE x.made = 0 GROUP BY x.study_id"""
        for stage, rows in ON_REQUEST.items()
    ),
    f"""SELECT b.study_id, 'fits',
  SUM((SELECT COUNT(*) FROM block_targets bt WHERE bt.block_id = b.block_id)
    * (SELECT COUNT(*) FROM block_joint_axes bj WHERE bj.block_id = b.block_id)
    * (SELECT COUNT(*) FROM block_fit_axes bf WHERE bf.block_id = b.block_id)), 0, 0, 0, 0
FROM {CURRENT_BLOCKS} GROUP BY b.study_id""",
    f"""SELECT b.study_id, 'fits', 0, COUNT(*), 0, 0, 0
FROM {CURRENT_BLOCKS} {STORED_CELLS} GROUP BY b.study_id""",
    f"""SELECT b.study_id, 'fits', 0, 0, 0, 0,
  SUM((SELECT COUNT(*) FROM block_joint_axes bj WHERE bj.block_id = b.block_id)
    * (SELECT COUNT(*) FROM block_fit_axes bf WHERE bf.block_id = b.block_id))
FROM {CURRENT_BLOCKS} JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN targets t ON t.target_id = bt.target_id
WHERE t.status = 'not_applicable' GROUP BY b.study_id""",
    """SELECT b.study_id, 'fits', 0, 0, SUM(1 - cf.quarantined), SUM(cf.quarantined), 0
FROM cell_failures cf
  JOIN psms p ON p.key = SUBSTR(cf.key, 1, 32)
  JOIN joint_axes ja ON ja.key = SUBSTR(cf.key, 34, 32)
  JOIN fit_axes fa ON fa.key = SUBSTR(cf.key, 67, 32)
  JOIN targets t ON t.psm_id = p.psm_id
  JOIN block_targets bt ON bt.target_id = t.target_id
  JOIN blocks b ON b.block_id = bt.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id AND bj.joint_axes_id = ja.joint_axes_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id AND bf.fit_axes_id = fa.fit_axes_id
WHERE cf.stage = 'fits' GROUP BY b.study_id""",
    f"""SELECT c.study_id, 'analysis', 1,
  CASE WHEN a.n_results > 0 AND a.n_results = (SELECT COUNT(*) FROM study_targets x
    JOIN targets t ON t.target_id = x.target_id WHERE x.study_id = c.study_id AND t.psm_id IS NOT NULL)
    + (SELECT COUNT(*) FROM blocks b {STORED_CELLS} WHERE b.study_id = c.study_id) THEN 1 ELSE 0 END, 0, 0,
  CASE WHEN EXISTS (SELECT 1 FROM study_targets x JOIN targets t ON t.target_id = x.target_id
    WHERE x.study_id = c.study_id AND t.status <> 'not_applicable') THEN 0 ELSE 1 END
FROM current_studies c LEFT JOIN analyses a ON a.study_id = c.study_id""",
)

VIEWS: dict[str, str] = {
    "current_studies": """
SELECT s.study_id, s.name, s.revision, s.digest, s.created_at FROM studies s
WHERE s.revision = (SELECT MAX(o.revision) FROM studies o WHERE o.name = s.name)""",
    "study_targets": """
SELECT DISTINCT b.study_id, bt.target_id
FROM blocks b JOIN block_targets bt ON bt.block_id = b.block_id""",
    "study_directions": """
SELECT DISTINCT st.study_id, t.direction_id
FROM study_targets st JOIN targets t ON t.target_id = st.target_id""",
    "study_joints": """
SELECT DISTINCT b.study_id, bt.target_id, bj.joint_axes_id
FROM blocks b JOIN block_targets bt ON bt.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id""",
    "activation_results": f"""
SELECT s.name AS study, {MODEL_AXES}, {DATA_AXES}, a.hookpoint, a.layer, a.pooling, COALESCE(a.d_hook, 0) AS d_hook,
  a.dtype, a.n_rows, a.n_constant, a.agreement, a.status, a.reason, a.key AS activation_key
FROM current_studies s JOIN (
  SELECT DISTINCT sx.study_id, dx.activation_id FROM study_directions sx
  JOIN direction_sets dx ON dx.direction_id = sx.direction_id) x ON x.study_id = s.study_id
  JOIN activation_sets a ON a.activation_id = x.activation_id
  JOIN models m ON m.model_id = a.model_id
  JOIN study_models sm ON sm.study_id = s.study_id AND sm.model_id = a.model_id
  JOIN study_datasets sd ON sd.study_id = s.study_id AND sd.dataset_id = a.dataset_id""",
    "probe_results": f"""
SELECT {INPUT_AXES}, d.n_features, {D_HOOK}, {DIRECTION_AXES}, 'none' AS space, d.label_replicate,
  d.label_permutation, d.permutation_note, pr.feature,
  pr.n_train, pr.n_test, pr.n_positive, pr.accuracy, pr.balanced_accuracy, pr.f1, pr.mcc, pr.roc_auc,
  pr.average_precision, pr.norm, pr.nit, pr."C" AS "C", pr.status, pr.key AS probe_key,
  d.key AS direction_key, d.config_key
FROM current_studies s JOIN study_directions x ON x.study_id = s.study_id
  JOIN direction_sets d ON d.direction_id = x.direction_id{INPUT_JOINS}
  JOIN probes pr ON pr.direction_id = d.direction_id""",
    "psm_results": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, p.value_q25, p.value_median,
  p.value_q75, p.exponent_q25, p.exponent_median, p.exponent_q75, p.min_eigenvalue, p.rank, p.warning,
  p.reliability, p.n_resamples, p.ceiling_method, p.n_unknown, d.label_permutation, p.key AS psm_key, t.key AS target_key, d.key AS direction_key, d.config_key
FROM current_studies s JOIN study_targets x ON x.study_id = s.study_id{TARGET_JOINS}""",
    "psm_pairs": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, ra.feature AS feature_a,
  rb.feature AS feature_b, e.value, e.value_low, e.value_high, e.standard_error, p.key AS psm_key, d.config_key
FROM current_studies s JOIN study_targets x ON x.study_id = s.study_id{TARGET_JOINS}
  JOIN psm_entries e ON e.psm_id = p.psm_id
  CROSS JOIN direction_rows ra CROSS JOIN direction_rows rb
WHERE ra.direction_id = d.direction_id AND ra.row_index = e.row_a
  AND rb.direction_id = d.direction_id AND rb.row_index = e.row_b AND t.kind = 'features'""",
    "near_copies": f"""
SELECT {PAIR_AXES}, COUNT(*) AS n_layers, MIN(q.value) AS value_min, MAX(q.value) AS value_max
FROM psm_pairs q WHERE q.similarity = 'cosine'
GROUP BY {PAIR_AXES} HAVING MIN(ABS(q.value)) > 0.999""",
    "geometry_results": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, pm.measure, pm.value,
  pm.version AS measure_version, p.key AS psm_key, t.key AS target_key, d.key AS direction_key, d.config_key
FROM current_studies s JOIN study_targets x ON x.study_id = s.study_id{TARGET_JOINS}
  JOIN psm_measures pm ON pm.psm_id = p.psm_id""",
    "joint_results": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, {JOINT_AXES}, jf.fun,
  jf.fun_cg, jf.energy AS energy_joint, jf.mismatch, jf.distance, jf.nit, jf.nfev, jf.njev, jf.nit_polish, jf.gradient_norm,
  jf.importance_entropy, jf.norm_min, jf.norm_max, jf.start_radius,
  p.min_eigenvalue AS target_min_eigenvalue, jf.verdict AS verdict_joint, jf.status, jf.message, jf.seconds,
  p.key AS psm_key, jf.key AS joint_key, t.key AS target_key, {JOINT_CONFIG}
FROM current_studies s JOIN study_joints x ON x.study_id = s.study_id{TARGET_JOINS}
  JOIN joint_axes ja ON ja.joint_axes_id = x.joint_axes_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = x.joint_axes_id""",
    "fit_weights": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, {JOINT_AXES}, dr.feature,
  i.logit, i.weight, p.key AS psm_key, jf.key AS joint_key, {JOINT_CONFIG}
FROM current_studies s JOIN study_joints x ON x.study_id = s.study_id{TARGET_JOINS}
  JOIN joint_axes ja ON ja.joint_axes_id = x.joint_axes_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = x.joint_axes_id
  JOIN importance i ON i.joint_id = jf.joint_id
  CROSS JOIN direction_rows dr
WHERE dr.direction_id = d.direction_id AND dr.row_index = i.row_index""",
    "fit_results": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, {JOINT_AXES}, {FIT_AXES},
  {FIT_COLUMNS}, {FIT_KEYS}, {FIT_CONFIG}
FROM current_studies s JOIN blocks b ON b.study_id = s.study_id
  JOIN block_targets x ON x.block_id = b.block_id
  JOIN block_joint_axes bj ON bj.block_id = b.block_id
  JOIN block_fit_axes bf ON bf.block_id = b.block_id{TARGET_JOINS}
  JOIN joint_axes ja ON ja.joint_axes_id = bj.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = bf.fit_axes_id
  JOIN joint_fits jf ON jf.psm_id = t.psm_id AND jf.joint_axes_id = bj.joint_axes_id
  JOIN fits f ON f.joint_id = jf.joint_id AND f.fit_axes_id = bf.fit_axes_id""",
    "best_matches": f"""
SELECT {INPUT_AXES}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES}, {JOINT_AXES}, {FIT_AXES},
  {FIT_COLUMNS}, x.n_cells, x.n_usable, {FIT_KEYS}, {FIT_CONFIG}
FROM current_studies s JOIN best_match x ON x.study_id = s.study_id{TARGET_JOINS}
  JOIN joint_fits jf ON jf.joint_id = x.joint_id
  JOIN joint_axes ja ON ja.joint_axes_id = jf.joint_axes_id
  JOIN fit_axes fa ON fa.fit_axes_id = x.fit_axes_id
  JOIN fits f ON f.joint_id = x.joint_id AND f.fit_axes_id = x.fit_axes_id""",
    "layer_similarity": f"""
SELECT {INPUT_AXES.replace(", d.layer", "")}, {PSM_SIZE}, {DIRECTION_AXES}, {TARGET_AXES},
  d.layer AS layer_a, dl.layer AS layer_b, lp.spearman, lp.p_value, lp.n_permutations, d.config_key,
  p.key AS psm_key, pl.key AS psm_key_b
FROM current_studies s JOIN layer_pairs lp ON lp.study_id = s.study_id
  JOIN targets x ON x.target_id = lp.target_a{TARGET_JOINS}
  JOIN targets tl ON tl.target_id = lp.target_b
  JOIN psms pl ON pl.psm_id = tl.psm_id
  JOIN direction_sets dl ON dl.direction_id = tl.direction_id""",
    "dataset_features": """
SELECT s.name AS study, sd.name AS dataset, sd.corpus, ds.builder, ds.n_documents, ds.n_sequences,
  ds.n_tokens, ds.n_samples, fe.feature_index, fe.feature, fe.n_positive, fe.n_negative, fe.status,
  fe.duplicate_of, fe.example,
  ds.key AS dataset_key
FROM current_studies s JOIN study_datasets sd ON sd.study_id = s.study_id
  JOIN datasets ds ON ds.dataset_id = sd.dataset_id
  JOIN features fe ON fe.dataset_id = ds.dataset_id""",
    "study_progress": f"""
SELECT s.name AS study, q.stage, {", ".join(f"CAST(SUM(q.{name}) AS BIGINT) AS {name}" for name in COUNTS)}
FROM current_studies s JOIN (
{" UNION ALL ".join(PROGRESS)}
) q ON q.study_id = s.study_id
GROUP BY s.name, q.stage""",
}
"""Name to SELECT, in the order in which they can be created."""


def create_all() -> list[str]:
    """Return the statements that create the views."""
    return [f"CREATE VIEW {name} AS{text}" for name, text in VIEWS.items()]


def drop_all() -> list[str]:
    """Return the statements that drop the views, dependants first."""
    return [f"DROP VIEW {name}" for name in reversed(VIEWS)]
