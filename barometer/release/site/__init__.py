"""The pages of a release: a folder that any browser opens, on line or off, in every language the city has chosen."""
