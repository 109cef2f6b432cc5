/** Description of this topic in the help. */
export default 'Receive events on this machine, test a receiver, and see and repeat deliveries.';
