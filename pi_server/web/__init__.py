"""HTTP on the inbound side: routing, the chain's links, typed input, answers and documentation."""
