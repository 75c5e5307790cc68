"""Everything that belongs to Dagster: it joins the other packages."""
