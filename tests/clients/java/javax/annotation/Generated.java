package javax.annotation;

/** Stands in for that of Jakarta's annotations, which the JDK has no more: what it says is for readers. */
public @interface Generated {
    String[] value();
    String date() default "";
    String comments() default "";
}
