"""Everything that is Dagster's: it joins the other rooms."""
