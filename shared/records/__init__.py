"""One way to save and to delete rows of any table; what is special stands in `rights`."""
