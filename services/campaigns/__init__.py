"""The campaigns service: stores the recipients of campaigns and publishes their sends when due."""
