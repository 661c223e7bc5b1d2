"""Lists of staff from HR (CSV) or Active Directory (LDIF): read strictly, all that is wrong told at once."""
