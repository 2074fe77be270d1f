-- Axes of a target and of all it rests on, with the size of its matrix.
{axes study model dataset activations}, p.n_features, COALESCE(d.d_hook, 0) AS d_hook,
{axes directions target}
