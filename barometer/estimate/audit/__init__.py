"""The audit: posts people label so that the classifier's error can be measured, and how well those people agree."""
