"""The tests, laid out as the rooms they prove; laws, contracts and golden files beside them."""
