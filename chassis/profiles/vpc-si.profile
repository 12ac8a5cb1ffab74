# Virtual Packet Core, single instance: one card that does everything.
name vpc-si
model "VPC-SI"
slots 1
slot 1 VC
ipsecmgr-per-card 1
sessmgr-per-cpu 1
standby-sessmgr-per-cpu 1
standby-ipsecmgr 0
task-heartbeat 500 2000
task-restart 500 30000
card-heartbeat 250 2000
card-reboot 1500
