"""posts -> labels and rumours."""
