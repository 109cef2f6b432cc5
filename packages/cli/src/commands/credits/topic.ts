/** Description of this topic in the help. */
export default 'The balance, and the event that is sent when it is low.';
