"""The customers flow: whose alarm is it, what is known of them, and what is to be done.

`resolve` says which customer a trigger is for, `bucket` holds the customers and decides (`decide`), `rule_limits`
holds back what a rule does too often. All of these are plain objects that know nothing of Bytewax or Kafka;
`operators` and `flow` wire them.
"""
