-- Matrix `p` and directions `d` of the target of a row `x` of a study `s`.
JOIN targets t ON t.target_id = x.target_id
JOIN psms p ON p.psm_id = t.psm_id
JOIN direction_sets d ON d.direction_id = t.direction_id
{input joins}
