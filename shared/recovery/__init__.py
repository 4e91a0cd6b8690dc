"""What has to be done after the database was restored, or another server took over."""
