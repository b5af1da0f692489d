"""Labelled deliveries for the rules: what each rule owes, told by people who judged without looking at its code."""
